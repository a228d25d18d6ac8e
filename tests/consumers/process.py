"""
A process that hosts functions and may stop at a named point: `python -m tests.consumers.process POINT NAME...`.

POINT: "never"; "before-commit" dies with everything of a batch written and nothing committed; "after-commit" dies
before the batch is acknowledged or published; "after-publish" dies once all is published and before the batch is
acknowledged; "beyond-a-gap" dies once a message is decided and acknowledged up to one before it that is not;
"in-hand" freezes, as by SIGSTOP, with the first batch read and nothing done about it. Settings come from
the environment.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, NoReturn

from sqlalchemy import select

from consumers import deciding, delivery
from consumers.run import run
from controller import handle as handling
from controller.journal import outbox, tables
from controller.settings import Settings, read_settings

acknowledge = delivery._Delivery._acknowledge


@contextmanager
def hosting(settings: Settings, point: str, *names: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start such a process; it is gone when the block ends."""
    env = {f"SEGUE_{field.name.upper()}": str(getattr(settings, field.name)) for field in fields(settings)}
    given = {name: value for name, value in env.items() if value and name != "SEGUE_TOKENS"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.consumers.process", point, *names], env={**os.environ, **given}
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def _die(*_: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives that")


async def _commit_and_die(*arguments: Any) -> NoReturn:
    await handling.handle(*arguments)
    _die()


async def _die_once_published(delivery: Any, *_: Any) -> NoReturn:
    while await delivery._worker.store.rows(select(tables.outbox.c.id).limit(1), {}):  # noqa: ASYNC110  # a table tells nobody
        await asyncio.sleep(0.01)
    _die()


async def _acknowledge_and_die_beyond_a_gap(delivery: Any) -> None:
    await acknowledge(delivery)
    if any(read.settled for read in delivery._line._partitions.values()):
        _die()


async def _freeze_and_handle(*arguments: Any) -> Any:
    setattr(deciding, "handle", handling.handle)  # noqa: B010  # once
    os.kill(os.getpid(), signal.SIGSTOP)
    return await handling.handle(*arguments)


if __name__ == "__main__":
    point, names = sys.argv[1], sys.argv[2:]
    if point == "before-commit":
        # The outbox is what a batch writes last.
        setattr(outbox, "put", _die)  # noqa: B010  # a fault on purpose
    elif point == "after-commit":
        setattr(deciding, "handle", _commit_and_die)  # noqa: B010  # likewise
    elif point == "after-publish":
        setattr(delivery._Delivery, "_acknowledge", _die_once_published)  # noqa: B010  # likewise
    elif point == "beyond-a-gap":
        setattr(delivery._Delivery, "_acknowledge", _acknowledge_and_die_beyond_a_gap)  # noqa: B010  # likewise
    elif point == "in-hand":
        setattr(deciding, "handle", _freeze_and_handle)  # noqa: B010  # likewise
    asyncio.run(run(names, read_settings()))
