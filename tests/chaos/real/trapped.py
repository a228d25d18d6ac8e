"""
`segue run` with traps: a process that dies, as by kill -9, at a named point when a trap for that point is set.

    python -m tests.chaos.real.trapped FOLDER NAME...

A trap is a file in FOLDER, named POINT@KIND; the first process of that kind (by its SEGUE_ROUTER, "control-2") that
comes to the point takes the file away and dies. One that is named stop-POINT@KIND stops it until SIGCONT; a file
stopped-POINT@KIND has its process id then. Its clock follows NAME.clock there (`wrong_time`).

Who decides: "before-read", "after-read", "before-commit" (everything is written), "after-commit" (nothing is published
or acknowledged), "before-offset" (the effect is committed, the batch not acknowledged). The relay: "before-publish"
(read, and not sent), "after-publish" (it still stands in the outbox). The gateway: "before-apply" (the table is read
and not in use), "after-apply" (in use, and not on disk).
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.chaos.real.wrong_time import put_before_time

_FOLDER = Path(sys.argv[1] if __name__ == "__main__" else ".")
_NAME = os.environ.get("SEGUE_ROUTER", "")
_KIND = _NAME.split("-")[0]

if __name__ == "__main__":
    # First of all: whatever is imported from now on may keep hold of `time.time`.
    put_before_time(_FOLDER / f"{_NAME}.clock")


def _fall_into_trap(point: str) -> None:
    if _taken(f"{point}@{_KIND}"):
        os.kill(os.getpid(), signal.SIGKILL)
    if _taken(f"stop-{point}@{_KIND}"):
        draft = _FOLDER / f"{_NAME}.draft"
        draft.write_text(str(os.getpid()))
        draft.rename(_FOLDER / f"stopped-{point}@{_KIND}")
        os.kill(os.getpid(), signal.SIGSTOP)


def _taken(trap: str) -> bool:
    try:
        (_FOLDER / trap).unlink()
    except FileNotFoundError:
        return False
    return True


def _before(point: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def trapped(*arguments: Any, **named: Any) -> Any:
        _fall_into_trap(point)
        return work(*arguments, **named)

    return trapped


def _around(before: str, after: str, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def trapped(*arguments: Any, **named: Any) -> Any:
        _fall_into_trap(before)
        result = await work(*arguments, **named)
        _fall_into_trap(after)
        return result

    return trapped


def _set_for_deciders() -> None:
    from consumers import deciding, delivery, polling, relay
    from controller import handle
    from controller.journal import outbox

    hooks: list[tuple[Any, str, Callable[..., Any]]] = [
        (delivery, "poll", _before("before-read", polling.poll)),
        (deciding, "handle", _around("after-read", "after-commit", handle.handle)),
        (outbox, "put", _before("before-commit", outbox.put)),
        (delivery._Delivery, "_acknowledge", _before("before-offset", delivery._Delivery._acknowledge)),
        (relay, "_published", _before("before-publish", relay._published)),
        (relay, "_forget", _before("after-publish", relay._forget)),
    ]
    for place, name, hook in hooks:
        setattr(place, name, hook)


def _set_for_gateways() -> None:
    from controller.gateway.keep import TableFile
    from controller.gateway.tables import Tables

    setattr(Tables, "offer", _before("before-apply", Tables.offer))  # noqa: B010  # a fault on purpose
    setattr(TableFile, "save", _before("after-apply", TableFile.save))  # noqa: B010  # likewise


def main() -> None:
    """Set the traps, then be `segue run`."""
    from controller.cli import main as segue

    sys.argv[1:] = ["run", *sys.argv[2:]]
    if "gateway" in sys.argv:
        _set_for_gateways()
    elif "api" not in sys.argv:
        _set_for_deciders()
    segue()


if __name__ == "__main__":
    main()
