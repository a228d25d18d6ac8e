"""`segue rollout`: ask for a rollout, steer it, watch it. Every word needs a reason; the journal keeps it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import AsJson
from controller.cli.here import actor_here, kafka_here
from controller.core.errors import Broken

if TYPE_CHECKING:
    from controller.core.names import Release

app = typer.Typer(no_args_is_help=True, help="Rollouts: ask for one, steer it, watch it.")

Service = Annotated[str, typer.Argument(help="The service, such as hibari.")]
Reason = Annotated[str, typer.Option(help="Why; the journal keeps it.")]
Actor = Annotated[str | None, typer.Option(help="Who says so; account@host when left out.")]
Rollout = Annotated[str, typer.Option(help="Only if this rollout runs, such as hibari-3.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the decision; 0 does not wait.")]


@app.command()
def start(
    service: Service,
    release: Annotated[str, typer.Option(help="Version, ensemble or digest of a release that was built.")],
    reason: Reason,
    plan: Annotated[str, typer.Option(help="A plan's name, or a file with one as JSON.")] = "careful",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Ask that a release be rolled out.

    Example: segue rollout start hibari --release 1.6.0 --plan quick --reason "new vocoder"
    """
    from controller.cli.asking import ask, tell
    from controller.wire.messages import MessageType
    from controller.wire.topics import Topic

    settings = kafka_here()
    data = {
        "service": service,
        "release": asdict(_find(settings.repository, release)),
        "plan": _plan(plan),
        "actor": actor or actor_here(),
        "reason": reason,
    }
    tell(ask(settings, Topic.REQUESTED, MessageType.REQUESTED, data, wait), waited=wait > 0, as_json=as_json)


@app.command()
def pause(
    service: Service,
    reason: Reason,
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Let the walk stand still; rollback stays armed.

    Example: segue rollout pause hibari --reason "listening first"
    """
    _order("pause", service, reason, rollout, actor, wait, as_json)


@app.command()
def resume(
    service: Service,
    reason: Reason,
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Let a paused walk go on.

    Example: segue rollout resume hibari --reason "sounds fine"
    """
    _order("resume", service, reason, rollout, actor, wait, as_json)


@app.command()
def promote(
    service: Service,
    reason: Reason,
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Give the candidate all traffic now, whatever steps are left.

    Example: segue rollout promote hibari --reason "stable speaks with an accent"
    """
    _order("promote", service, reason, rollout, actor, wait, as_json)


@app.command()
def rollback(
    service: Service,
    reason: Reason,
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Take the candidate's traffic back; inside the guard window, that of the release just promoted.

    Example: segue rollout rollback hibari --reason "flat intonation in questions"
    """
    _order("rollback", service, reason, rollout, actor, wait, as_json)


@app.command()
def override(
    service: Service,
    release: Annotated[
        str, typer.Option(help="Digest of the quarantined release, or version or ensemble if built here.")
    ],
    reason: Reason,
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Let a release return that was taken back; it still has to be asked for again.

    Example: segue rollout override hibari --release 1.6.0 --reason "the fault was the network's"
    """
    digest = release if release.startswith("sha256:") else _find(kafka_here().repository, release).digest
    _order("override", service, reason, "", actor, wait, as_json, digest=digest)


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


def _order(
    verb: str,
    service: str,
    reason: str,
    rollout: str,
    actor: str | None,
    wait: float,
    as_json: bool,
    **more: str,
) -> None:
    from controller.cli.asking import ask, tell
    from controller.wire.messages import MessageType
    from controller.wire.topics import Topic

    data = {"service": service, "actor": actor or actor_here(), "reason": reason, "rollout": rollout, **more}
    answer = ask(kafka_here(), Topic.ORDERED, MessageType(f"io.segue.rollout.{verb}"), data, wait)
    tell(answer, waited=wait > 0, as_json=as_json)


def _find(repository: Path, name: str) -> "Release":
    from triton_models.descriptor import list_built

    built = [one.release for one in list_built(repository)]
    found = [release for release in built if release.answers_to(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Broken(f"{len(found)} releases are called {name}: name one by its ensemble, {_listed(found)}")
    if not built:
        raise Broken(f"{repository} holds no release yet: build one with `segue release build`")
    raise Broken(f"{repository} holds no release {name}; it holds {_listed(built)}")


def _listed(releases: "list[Release]") -> str:
    return ", ".join(f"{release.version} ({release.ensemble})" for release in releases)


def _plan(plan: str) -> object:
    from controller.core.plan import NAMED_PLANS

    if plan in NAMED_PLANS:
        return plan
    try:
        return json.loads(Path(plan).read_text())
    except FileNotFoundError as error:
        raise Broken(f"there is no plan {plan}: choose {', '.join(NAMED_PLANS)}, or name a JSON file") from error
    except (OSError, ValueError) as error:
        raise Broken(f"{plan} cannot be read as a plan ({error}); see `release.requested`'s JSON Schema") from error
