"""How each rollout of a history went: its outcome, and which share of the traffic it had when."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from controller.core.events import (
    AnyEvent,
    GuardWindowEnded,
    PromotionReverted,
    RolloutAborted,
    RolloutPromoted,
    RolloutStarted,
    RolloutSuperseded,
    ServiceRetired,
    StepStarted,
)
from controller.core.names import FULL_BP, Release
from controller.core.routing import Segment
from controller.core.stream import Fact

PROMOTED: Final = ("promoted", "reverted")
"""The outcomes of those that had all traffic in the end, be it for a while."""
TAKEN_BACK: Final = ("aborted", "reverted")
"""The outcomes of a bad release."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a release has of the traffic from `at_ms` on: of all users, and of segments with a share of their own."""

    at_ms: int
    weight_bp: int
    segments: tuple[Segment, ...] = ()

    @property
    def serves(self) -> bool:
        """Say whether any user hears the release."""
        return self.weight_bp > 0 or any(segment.weight_bp > 0 for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Course:
    """
    How one rollout went. request: id of the message that asked for it; it names the rollout in any course of events.

    rollout: its name in this course, such as hibari-3. from_release: what was stable, None of a first one.
    outcome: promoted, aborted, superseded, reverted or running; "never began" of what exists in another course alone,
    where rollout is "".
    ended_ms: -1 while it runs. most_bp: the candidate's largest weight before promotion. shares: what it had when, all
    traffic after a promotion, and none once it was taken back. proven_ms: when it could no longer be taken back, as its
    guard had ended; -1 of one that never came to that.
    """

    request: str
    rollout: str
    version: str
    outcome: str
    reason: str
    began_ms: int
    ended_ms: int
    most_bp: int
    shares: tuple[Share, ...] = ()
    proven_ms: int = -1
    from_release: Release | None = None


def courses(facts: Iterable[Fact]) -> dict[str, Course]:
    """Return how each rollout went, by the id of the message that asked for it, in order."""
    found: dict[str, Course] = {}
    started: dict[str, tuple[str, RolloutStarted]] = {}
    guarded = ""
    for fact in facts:
        event = fact.event
        # Another promotion, or the service's end, ends a guard without a word.
        if guarded and isinstance(event, GuardWindowEnded | RolloutPromoted | ServiceRetired):
            found[guarded] = replace(found[guarded], proven_ms=fact.at_ms)
            guarded = ""
        if isinstance(event, RolloutStarted):
            started[event.rollout] = fact.cause, event
            found[fact.cause] = _begun(fact, event)
        if event.rollout not in started:
            continue
        request, began = started[event.rollout]
        course = found[request]
        if isinstance(event, StepStarted):
            share = Share(fact.at_ms, event.weight_bp, began.plan.steps[event.step].segments)
            most_bp = max(course.most_bp, event.weight_bp)
            found[request] = replace(course, most_bp=most_bp, shares=(*course.shares, share))
        elif (outcome := _outcome(event)) is not None:
            share = Share(fact.at_ms, FULL_BP if outcome == "promoted" else 0)
            shares = (*course.shares, share)
            alone = isinstance(event, RolloutPromoted) and event.previous is None
            proven_ms = fact.at_ms if alone else -1
            if outcome in PROMOTED:
                guarded = request if outcome == "promoted" and not alone else ""
            found[request] = replace(
                course, outcome=outcome, reason=event.reason, ended_ms=fact.at_ms, shares=shares, proven_ms=proven_ms
            )
    return found


def _begun(fact: Fact, event: RolloutStarted) -> Course:
    return Course(
        request=fact.cause,
        rollout=event.rollout,
        version=event.release.version,
        outcome="running",
        reason=event.reason,
        began_ms=fact.at_ms,
        ended_ms=-1,
        most_bp=0,
        from_release=event.from_release,
    )


def _outcome(event: AnyEvent) -> str | None:
    match event:
        case RolloutPromoted():
            return "promoted"
        case RolloutAborted():
            return "aborted"
        case RolloutSuperseded():
            return "superseded"
        case PromotionReverted():
            return "reverted"
    return None
