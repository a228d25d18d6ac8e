"""`segue run`: host one function, or several, in this process."""

from itertools import chain
from typing import Annotated

import typer

from controller.supervise.plan import FUNCTIONS as HOSTED

ALONE = ("gateway", "api")
FUNCTIONS = tuple(chain.from_iterable(HOSTED.values()))


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

    from controller.cli.hosting import host

    raise typer.Exit(host(names))
