"""`segue plan`: check a plan, and be told what it will do before it does it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import NOT_UNDERSTOOD, AsJson, tell_json
from controller.core.errors import Broken, Malformed

if TYPE_CHECKING:
    from controller.core.plan import Plan

app = typer.Typer(no_args_is_help=True, help="Plans: check one, and be told what it will do.")

File = Annotated[
    str, typer.Argument(help="A file with a plan as YAML or JSON, or the name of a plan that is built in.")
]


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """
    Say whether a file holds a plan; if not, where it is wrong, what stands there, and what is allowed.

    Example: segue plan check evening.yaml
    """
    from controller.core.foresight import remarks
    from controller.wire.shape import plain

    try:
        plan = plan_called(file)
    except Malformed as error:
        if not as_json:
            raise
        tell_json({"valid": False, "error": str(error)})
        raise typer.Exit(NOT_UNDERSTOOD) from None
    if as_json:
        return tell_json({"valid": True, "plan": plain(plan), "remarks": list(remarks(plan))})
    names = ", ".join(gate.name for gate in plan.gates) or "none"
    steps = "1 step" if len(plan.steps) == 1 else f"{len(plan.steps)} steps"
    typer.echo(f"{file} is a plan: {plan.name}, {steps}, gates: {names}")
    for remark in remarks(plan):
        typer.echo(f"mind: {remark}")
    return None


@app.command()
def explain(file: File) -> None:
    """
    Tell in sentences and as a ladder what a plan will do, how long it may take, and how likely it errs.

    Example: segue plan explain careful
    """
    from rich.console import Console

    from controller.cli.ladder import explained

    Console(highlight=False).print(explained(plan_called(file)))


def plan_called(name: str) -> "Plan":
    """Return the built-in plan of a name, or the one in a file. Raises Malformed, or Broken when there is neither."""
    from controller.core.plan import NAMED_PLANS
    from controller.wire.written import plan_from

    if name in NAMED_PLANS:
        return NAMED_PLANS[name]
    try:
        return plan_from(read_plan(name))
    except Malformed as error:
        raise Malformed(f"{name}: {error}") from None


def read_plan(file: str) -> dict[str, object]:
    """Return what a file with a plan says, as a message carries it. Raises Malformed, Broken when it cannot be read."""
    from controller.core.plan import NAMED_PLANS
    from controller.wire.written import plan_object

    try:
        return plan_object(Path(file).read_bytes())
    except FileNotFoundError as error:
        raise Broken(
            f"there is no plan {file}: choose {', '.join(NAMED_PLANS)}, or name a YAML or JSON file"
        ) from error
    except OSError as error:
        raise Broken(f"{file} cannot be read: {error.strerror}") from error
