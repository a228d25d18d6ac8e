"""`segue run`: host one function, or several, in this process."""

import logging
from typing import Annotated

import typer

from controller.cli.answers import code_of
from controller.core.errors import SegueError

ALONE = ("gateway", "api")
FUNCTIONS = ("rollouts", "orders", "alerts", "signals", "relay", "timers", "releases", "notifier", *ALONE)

_log = logging.getLogger(__name__)


def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=f"What to run: {', '.join(FUNCTIONS)}.")],
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

    from controller import log
    from controller.settings import read_settings

    settings = read_settings()
    log.configure(settings.log_level, secrets=settings.tokens)
    try:
        if names == ["gateway"]:
            from controller.gateway import serve as serve_gateway

            serve_gateway(settings)
        elif names == ["api"]:
            from controller.api import serve as serve_api

            serve_api(settings)
        else:
            import asyncio

            from consumers.run import run as run_functions

            asyncio.run(run_functions(names, settings))
    except SegueError as error:
        _log.critical("%s", error, extra={"functions": names})
        raise typer.Exit(code_of(error)) from error
