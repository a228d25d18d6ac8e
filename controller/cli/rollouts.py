"""`segue rollout`: ask for a rollout, steer it, watch it. Every word needs a reason; the journal keeps it."""

from dataclasses import asdict, replace
from typing import Annotated

import typer

from controller.cli import ordering
from controller.cli.answers import AsJson
from controller.cli.here import actor_here, kafka_here
from controller.cli.ordering import Actor, Reason, Service, Wait
from controller.cli.plain import say
from controller.cli.plans import read_plan
from controller.cli.shown import Verbs

app = Verbs(no_args_is_help=True, help="Rollouts: ask for one, steer it, watch it.")


@app.command()
def start(
    service: Service,
    release: Annotated[str, typer.Option(help="Version, ensemble or digest of a release that was built.")],
    reason: Reason,
    plan: Annotated[str, typer.Option(help="A plan's name, or a file with one: .yaml or .json.")] = "careful",
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="host:port of a Triton that it is to live on; may be given again. None: where gateways are."),
    ] = None,
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Ask that a release be rolled out.

    Example: segue rollout start hibari --release 1.6.0 --plan quick --reason "new vocoder"
    """
    from controller.cli.asking import ask, tell
    from controller.cli.built import find_built
    from controller.cli.known import no_such_plan, told_of_new
    from controller.wire.messages import MessageType
    from controller.wire.topics import Topic

    settings = kafka_here()
    data: dict[str, object] = {
        "service": service,
        "release": asdict(find_built(settings.repository, release)),
        "plan": _plan(plan),
        "actor": actor or actor_here(),
        "reason": reason,
    }
    if endpoint:
        data["endpoints"] = endpoint
    if new := told_of_new(settings, service):
        say(new, err=True)
    answer = ask(settings, Topic.REQUESTED, MessageType.REQUESTED, data, wait)
    if answer.decided and not answer.facts and data["plan"] == plan:
        # Who asks for what is so already is not told by those who decide that the plan is a slip.
        answer = replace(answer, objection=no_such_plan(settings, service, plan))
    tell(answer, as_json=as_json)


for _verb in (
    ordering.pause,
    ordering.resume,
    ordering.advance,
    ordering.promote,
    ordering.extend,
    ordering.approve,
    ordering.reject,
    ordering.rollback,
    ordering.override,
):
    app.command()(_verb)


@app.command()
def watch(
    service: Service,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End when no rollout runs; 1 if taken back.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Watch a service live: weights, step, time left, what is awaited. With --json, one line per change.

    Example: segue rollout watch hibari --until-done
    """
    from controller.cli.watch import watch_service

    watch_service(service, until_done=until_done, as_json=as_json)


@app.command()
def status(service: Service, as_json: AsJson = False) -> None:
    """
    Show how a service stands: who serves it, what rolls out, what is awaited.

    Example: segue rollout status hibari --json
    """
    from controller.cli.watch import show_service

    show_service(service, as_json=as_json)


def _plan(plan: str) -> object:
    """Return what a message says of the plan; a name is left to the service, which may have a plan of its own so."""
    is_file = "/" in plan or plan.endswith((".yaml", ".yml", ".json"))
    return read_plan(plan) if is_file else plan
