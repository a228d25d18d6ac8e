"""Which facts people are told of, and in which words. Pure: a fact in, a notice or None out."""

from controller.core.events import (
    AlertMatched,
    AlertNoted,
    AnyEvent,
    EndpointEjected,
    EndpointReadmitted,
    GateApproved,
    GateJudged,
    GateRejected,
    GuardWindowEnded,
    HoldExtended,
    MessageRejected,
    OrderRefused,
    PromotionReverted,
    QuarantineLifted,
    ReleaseFailed,
    ReleaseQuarantined,
    RequestRefused,
    RollbackMarked,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutSuperseded,
    RolloutWaiting,
    ServiceRetired,
    StepStarted,
    Trigger,
)
from controller.core.gate import Outcome
from controller.core.names import UNADDRESSED, Release
from controller.core.plan import PROMOTION, AlertAction
from controller.core.stream import Fact
from controller.outside.notifiers import Notice

_URGENT = (RolloutAborted, PromotionReverted, RequestRefused, OrderRefused, ReleaseFailed, MessageRejected)


def notice(fact: Fact) -> Notice | None:
    """Return what people are told of a fact; None when it is part of another one that they are told of."""
    said = _sentence(fact.stream, fact.event)
    if said is None:
        return None
    event = fact.event
    return Notice(
        id=f"{fact.stream}/{fact.position}",
        text=f"{said} By {event.actor}: {event.reason.rstrip('.')}.",
        service=fact.stream,
        rollout=event.rollout,
        actor=event.actor,
        reason=event.reason,
        urgent=isinstance(event, _URGENT),
        at_ms=fact.at_ms,
    )


def _sentence(service: str, event: AnyEvent) -> str | None:
    match event:
        case RolloutStarted(from_release=None):
            return f"{service}: release {event.release.version} is being installed as its first."
        case RolloutStarted(from_release=Release() as stable, back=True):
            return f"{service}: release {event.release.version} is to come back in place of {stable.version}."
        case RolloutStarted(from_release=Release() as stable):
            return f"{service}: release {event.release.version} starts to roll out; stable is {stable.version}."
        case StepStarted():
            return f"{service}: the candidate now gets {_percent(event.weight_bp)} of the traffic."
        case RolloutPromoted(previous=None):
            return f"{service}: release {event.release.version} serves all traffic."
        case RolloutPromoted(previous=Release() as previous):
            return (
                f"{service}: release {event.release.version} is promoted and serves all traffic; "
                f"{previous.version} stands by."
            )
        case RolloutAborted(trigger=Trigger.RETIRED):
            return None
        case RolloutAborted(back_to=None):
            return f"{service}: release {event.release.version} was given up before it served anybody."
        case RolloutAborted(back_to=Release() as stable):
            return (
                f"{service}: release {event.release.version} was taken back from {_percent(event.weight_bp)} of the "
                f"traffic; all of it goes to {stable.version}."
            )
        case PromotionReverted():
            return (
                f"{service}: release {event.release.version} was taken back after its promotion; "
                f"all traffic goes to {event.back_to.version} again."
            )
        case ReleaseQuarantined():
            return f"{service}: release {event.release.version} is quarantined; only an override lets it return."
        case RollbackMarked():
            return f"{service}: the rollback of {event.rollout} was a {'false' if event.false_alarm else 'true'} alarm."
        case QuarantineLifted():
            return f"{service}: the release with digest {event.digest} may return."
        case RolloutSuperseded():
            return f"{service}: release {event.release.version} makes way for {event.by.version}."
        case RolloutPaused():
            return f"{service}: the rollout is paused."
        case RolloutResumed():
            return f"{service}: the rollout goes on."
        case HoldExtended():
            return f"{service}: the candidate is watched for longer before its next step."
        case RolloutWaiting(closed=True):
            return f"{service}: the rollout waits for the hour from which it may widen."
        case RolloutWaiting():
            return f"{service}: the hold of step {event.step} is over, and the rollout waits."
        case GateApproved():
            return f"{service}: {event.gate} is approved{_as(event.role)}."
        case GateRejected():
            return f"{service}: {event.gate} is rejected{_as(event.role)}."
        case GateJudged(gate=gate) if gate == PROMOTION:
            return f"{service}: the candidate is proven good enough for its next step."
        case GateJudged(outcome=Outcome.FAIL, dry_run=True):
            return f"{service}: gate {event.gate}, which is on trial, would take the candidate back."
        case GateJudged(outcome=Outcome.FAIL):
            return f"{service}: gate {event.gate} fails."
        case ServiceRetired():
            return f"{service}: the service is retired and serves nothing any more."
        case AlertMatched(action=AlertAction.HOLD):
            return f"{service}: alert {event.alertname} holds the rollout."
        case AlertNoted(firing=True):
            return f"{service}: alert {event.alertname} fired and moved no traffic."
        case RequestRefused():
            return f"{service}: the request to roll out {event.release.version} was refused."
        case OrderRefused():
            return f"{service}: the order {event.order} was refused."
        case ReleaseFailed():
            return f"{service}: release {event.ensemble} failed."
        case EndpointEjected(probed=False, all_gone=True):
            return f"{service}: no endpoint of {event.ensemble} is left to {event.router}."
        case EndpointEjected(probed=False):
            return f"{service}: {event.router} leaves {event.endpoint} alone for {event.ensemble}."
        case EndpointReadmitted():
            return f"{service}: {event.endpoint} speaks again for {event.ensemble}."
        case GuardWindowEnded():
            return f"{service}: the guard window is over; {event.release.version} is no longer kept loaded."
        case MessageRejected():
            who = "a message to nobody in particular" if service == UNADDRESSED else f"{service}: a message"
            return f"{who} on {event.topic} could not be read; it is dead letter {event.letter}."
        case _:
            return None


def _as(role: str) -> str:
    return f" by somebody with the role {role}" if role else ""


def _percent(weight_bp: int) -> str:
    return f"{weight_bp / 100:g} %"
