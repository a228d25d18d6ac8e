"""
What `segue run` does, for who needs no command line read: `python -m controller.cli.hosting NAME...`.

A tree starts its own processes by it. To put all verbs of `segue` together and choose one took each of them 0.18 s.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from controller.core.errors import Malformed, SegueError

if TYPE_CHECKING:
    from controller.settings import Settings

_log = logging.getLogger("controller.cli.hosting")  # it is "__main__" to a process of the tree


def host(names: Sequence[str]) -> int:
    """
    Run functions of Segue in this process until SIGTERM, and return the exit code. A gateway or an API runs alone.

    What ends it is logged. Raises Malformed or Broken when settings cannot be read, which also say how to log.
    """
    # Importing makes hardly any garbage, and looking for it meanwhile is a sixth of the start. It is looked for again
    # once what was imported is out of the collector's sight.
    gc.disable()
    if not names:
        raise Malformed("name what is to be hosted, as in `segue run timers`")
    from controller import log
    from controller.settings import read_settings

    settings = read_settings()
    log.configure(settings.log_level, secrets=settings.secrets)
    try:
        if [*names] == ["gateway"]:
            _run_gateway(settings)
        elif [*names] == ["api"]:
            _run_api(settings)
        else:
            _run_functions(names, settings)
    except SegueError as error:
        from controller.cli.answers import code_of

        _log.critical("%s", error, extra={"functions": [*names]})
        return code_of(error)
    return 0


def _run_gateway(settings: "Settings") -> None:
    import uvloop

    from controller.collector import ELSEWHERE, rest_collector
    from controller.gateway import serve

    # What was imported stays. Looking through it for garbage would hold up speech for 40 ms each time.
    gc.collect()
    rest_collector(ELSEWHERE)
    # The data plane alone runs on uvloop: its loop has no Unix datagrams, by which deciders wake one another on SQLite.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


def _run_api(settings: "Settings") -> None:
    from controller.api import serve
    from controller.collector import ELSEWHERE, rest_collector

    rest_collector(ELSEWHERE)  # an alert comes in here
    asyncio.run(serve(settings))


def _run_functions(names: Sequence[str], settings: "Settings") -> None:
    from consumers.run import run as run_functions

    asyncio.run(run_functions(names, settings))


def main() -> None:
    """Host what the command line names."""
    try:
        sys.exit(host(sys.argv[1:]))
    except SegueError as error:
        from controller.cli.answers import code_of

        print(f"segue: {error}", file=sys.stderr)
        sys.exit(code_of(error))


if __name__ == "__main__":
    main()
