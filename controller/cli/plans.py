"""`segue plan`: check a plan, be told what it will do before it does it, and give it a name."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import NOT_UNDERSTOOD, AsJson, tell_json
from controller.cli.here import actor_here, kafka_here, settings_here
from controller.cli.ordering import Actor, Reason, Service, Wait
from controller.cli.plain import say
from controller.cli.shown import Verbs
from controller.core.errors import Broken, Malformed

if TYPE_CHECKING:
    from controller.core.named import NamedPlan
    from controller.core.plan import Plan

app = Verbs(no_args_is_help=True, help="Plans: check one, be told what it will do, name it.")

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
    say(f"{file} is a plan: {plan.name}, {steps}, gates: {names}")
    for remark in remarks(plan):
        say(f"mind: {remark}")
    return None


@app.command()
def explain(
    file: File,
    service: Annotated[str, typer.Option(help="Take the plan that this service calls by that name.")] = "",
) -> None:
    """
    Tell in sentences and as a ladder what a plan will do, how long it may take, and how likely it errs.

    Example: segue plan explain careful
    """
    from controller.cli.drawing import Console
    from controller.cli.ladder import explained

    plan = plan_called(file) if not service else _plan_of(service, file)
    Console().print(explained(plan))


@app.command("set")
def set_plan(
    service: Service,
    name: Annotated[str, typer.Argument(help="What requests will call it; a name that is known gets a new version.")],
    file: Annotated[str, typer.Argument(help="A file with the plan as YAML or JSON.")],
    reason: Reason,
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Let a name mean a plan for a service's rollouts from now on; those that run keep theirs.

    Example: segue plan set hibari evening evening.yaml --reason "releases go out after work"
    """
    from controller.cli.asking import ask, tell
    from controller.wire.messages import MessageType
    from controller.wire.topics import Topic

    data = {
        "service": service,
        "name": name,
        "plan": read_plan(file),
        "actor": actor or actor_here(),
        "reason": reason,
    }
    tell(ask(kafka_here(), Topic.ORDERED, MessageType.PLAN, data, wait), as_json=as_json)


@app.command("list")
def list_plans(service: Service, as_json: AsJson = False) -> None:
    """
    List the plans that a service's rollouts may name: its own, with who set them and why, and those built in.

    Example: segue plan list hibari
    """
    from controller.cli.answers import tell_table
    from controller.core.plan import NAMED_PLANS
    from controller.log import iso
    from controller.wire.shape import plain

    own = _plans_of(service)
    built_in = [plan for name, plan in NAMED_PLANS.items() if name not in {one.name for one in own}]
    if as_json:
        return tell_json([plain(one) for one in own] + [{"name": plan.name, "plan": plain(plan)} for plan in built_in])
    rows = [(one.name, str(one.version), iso(one.at_ms / 1000), one.actor, one.reason) for one in own]
    rows += [(plan.name, "", "", "", "built in") for plan in built_in]
    return tell_table(("plan", "version", "at", "who", "why"), rows, none="")


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


def _plan_of(service: str, name: str) -> "Plan":
    from controller.core.named import find_plan, names

    plans = _plans_of(service)
    found = find_plan(plans, name)
    if found is None:
        raise Broken(f"there is no plan {name}; of {service} there is: {', '.join(names(plans))}")
    return found.plan


def _plans_of(service: str) -> "tuple[NamedPlan, ...]":
    from controller.cli.stored import opened
    from controller.journal import views

    async def read() -> "tuple[NamedPlan, ...]":
        async with opened(settings_here()) as store:
            found = await views.service(store, service)
            return found.state.plans if found else ()

    return asyncio.run(read())


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
