"""`segue run`: host one function, or several, in this process."""

import asyncio
import gc
import logging
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import code_of
from controller.core.errors import SegueError
from controller.supervise.plan import FUNCTIONS as HOSTED

if TYPE_CHECKING:
    from controller.settings import Settings

ALONE = ("gateway", "api")
FUNCTIONS = tuple(chain.from_iterable(HOSTED.values()))

_log = logging.getLogger(__name__)


def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help=f"What to run: {', '.join(FUNCTIONS)}.")],
) -> None:
    """
    Run one function of Segue, or several in one process, until SIGTERM.

    The gateway and the API each want a process of their own. Settings come from the environment (SEGUE_...).

    Example: segue run rollouts orders alerts signals
    """
    if unknown := [name for name in names if name not in FUNCTIONS]:
        raise typer.BadParameter(f"there is no function {', '.join(unknown)}; choose among {', '.join(FUNCTIONS)}")
    if len(names) > 1 and (alone := [name for name in names if name in ALONE]):
        raise typer.BadParameter(f"{alone[0]} wants a process of its own: run it alone")

    # Importing makes hardly any garbage, and looking for it meanwhile is a sixth of the start. It is looked for again
    # once what was imported is out of the collector's sight.
    gc.disable()
    from controller import log
    from controller.settings import read_settings

    settings = read_settings()
    log.configure(settings.log_level, secrets=settings.secrets)
    try:
        if names == ["gateway"]:
            _run_gateway(settings)
        elif names == ["api"]:
            _run_api(settings)
        else:
            _run_functions(names, settings)
    except SegueError as error:
        _log.critical("%s", error, extra={"functions": names})
        raise typer.Exit(code_of(error)) from error


def _run_gateway(settings: "Settings") -> None:
    import uvloop

    from controller.collector import ANSWERING, rest_collector
    from controller.gateway import serve

    # What was imported stays. Looking through it for garbage would hold up speech for 40 ms each time.
    gc.collect()
    rest_collector(ANSWERING)
    # The data plane alone runs on uvloop: its loop has no Unix datagrams, by which deciders wake one another on SQLite.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


def _run_api(settings: "Settings") -> None:
    from controller.api import serve
    from controller.collector import ANSWERING, rest_collector

    rest_collector(ANSWERING)  # an alert comes in here
    asyncio.run(serve(settings))


def _run_functions(names: list[str], settings: "Settings") -> None:
    from consumers.run import run as run_functions

    asyncio.run(run_functions(names, settings))
