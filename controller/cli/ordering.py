"""`segue rollout pause`, `approve`, `rollback` and the other orders; each needs a reason, which the journal keeps."""

from typing import Annotated

import typer

from controller.cli.answers import AsJson
from controller.cli.here import actor_here, kafka_here
from controller.cli.plain import say

Service = Annotated[str, typer.Argument(help="The service, such as hibari.")]
Reason = Annotated[str, typer.Option(help="Why; the journal keeps it.")]
Actor = Annotated[str | None, typer.Option(help="Who says so; account@host when left out.")]
Rollout = Annotated[str, typer.Option(help="Only if this rollout runs, such as hibari-3.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the decision; 0 does not wait.")]
Gate = Annotated[str, typer.Option(help="The gate, as the plan calls it.")]
InRole = Annotated[str, typer.Option("--role", help="The role in which you say so, where the gate asks for one.")]


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
    give("rollout.pause", service, reason, rollout, actor, wait, as_json)


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
    give("rollout.resume", service, reason, rollout, actor, wait, as_json)


def advance(
    service: Service,
    reason: Reason,
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Take the next step of the plan now, whatever the hold or the gates say.

    Example: segue rollout advance hibari --reason "enough heard at 5 %"
    """
    give("rollout.advance", service, reason, rollout, actor, wait, as_json)


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
    give("rollout.promote", service, reason, rollout, actor, wait, as_json)


def extend(
    service: Service,
    by: Annotated[str, typer.Option(help="How much longer, such as 30m or 2h; a week at most.")],
    reason: Reason,
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Let the running hold last longer.

    Example: segue rollout extend hibari --by 2h --reason "the evening peak is still to come"
    """
    from controller.cli.amounts import seconds

    give("rollout.extend", service, reason, rollout, actor, wait, as_json, by_s=seconds("--by", by))


def approve(
    service: Service,
    gate: Gate,
    reason: Reason,
    role: InRole = "",
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Let a gate that waits for a person pass in the current step.

    Example: segue rollout approve hibari --gate ear --reason "listened to 40 clips"
    """
    give("rollout.approve", service, reason, rollout, actor, wait, as_json, gate=gate, role=role)


def reject(
    service: Service,
    gate: Gate,
    reason: Reason,
    role: InRole = "",
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Take the candidate back at a gate that asks for a person.

    Example: segue rollout reject hibari --gate ear --reason "consonants are blurred"
    """
    give("rollout.reject", service, reason, rollout, actor, wait, as_json, gate=gate, role=role)


def rollback(
    service: Service,
    reason: Reason,
    to: Annotated[str, typer.Option(help="Version, ensemble or digest of a release that was stable before.")] = "",
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Take the candidate's traffic back; inside the guard window, that of the release just promoted; or go back --to one.

    Example: segue rollout rollback hibari --reason "flat intonation in questions"
    """
    give("rollout.rollback", service, reason, rollout, actor, wait, as_json, to=to)


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
    from controller.cli.built import find_built

    digest = release if release.startswith("sha256:") else find_built(kafka_here().repository, release).digest
    give("rollout.override", service, reason, "", actor, wait, as_json, digest=digest)


def mark(
    rollout: Annotated[str, typer.Argument(help="The rollout that was taken back, such as hibari-3.")],
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm/--true-alarm", help="Was the release good after all, or rightly taken back?")
    ],
    reason: Reason,
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Say of a rollout that was taken back whether that was right; `segue report` counts it. It moves no traffic.

    A later mark replaces an earlier one.

    Example: segue mark hibari-3 --false-alarm --reason "the network failed, not the voice"
    """
    service = rollout.rpartition("-")[0] or rollout
    give("rollout.mark", service, reason, rollout, actor, wait, as_json, false_alarm=false_alarm)


def give(
    type: str,
    service: str,
    reason: str,
    rollout: str,
    actor: str | None,
    wait: float,
    as_json: bool,
    **more: object,
) -> None:
    """Publish an order of this type and tell what was decided about it; more: what only this type says."""
    from controller.cli.asking import ask, tell
    from controller.cli.known import on_guard
    from controller.wire.messages import MessageType
    from controller.wire.topics import Topic

    settings = kafka_here()
    data = {"service": service, "actor": actor or actor_here(), "reason": reason, "rollout": rollout, **more}
    order = MessageType(f"io.segue.{type}")
    answer = ask(settings, Topic.ORDERED, order, data, wait)
    # The reason on record says how the last rollout ended, and not that this one can still be taken back; facts of the
    # past have it word for word, so it stays as it is.
    missed = order is MessageType.ROLLBACK and rollout and answer.refusal
    if missed and (note := on_guard(settings, service, rollout)):
        say(note, err=True)
    tell(answer, as_json=as_json)
