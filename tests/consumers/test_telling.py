"""Which facts people are told of, and in which words."""

import pytest

from consumers.telling import notice
from controller.core.events import (
    AnyEvent,
    GateApproved,
    GateJudged,
    GateRejected,
    HoldExtended,
    RollbackMarked,
    RolloutAborted,
    RolloutStarted,
    RolloutWaiting,
    ServiceRetired,
    Trigger,
)
from controller.core.gate import Outcome
from controller.core.plan import PROMOTION
from controller.core.stream import Fact
from tests.journey.tale import sentence
from tests.spec import PLAN, Words, release
from tests.wire.values import SAMPLES

SAID: Words = {"actor": "ann", "reason": "she heard it"}
OLD, NEW = release("1.4.0"), release("1.5.0")


def said(event: AnyEvent) -> str | None:
    """What people are told of a fact, without who and why."""
    told = notice(Fact("hibari", 7, 1_000, "m-1", event))
    return told.text.removeprefix("hibari: ").removesuffix(" By ann: she heard it.") if told else None


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            RolloutStarted(**SAID, release=OLD, from_release=NEW, plan=PLAN, ready_by_ms=0, back=True),
            "release 1.4.0 is to come back in place of 1.5.0.",
        ),
        (HoldExtended(**SAID, due_ms=5), "the candidate is watched for longer before its next step."),
        (RolloutWaiting(**SAID, step=1, due_ms=5), "the hold of step 1 is over, and the rollout waits."),
        (
            RolloutWaiting(**SAID, step=1, due_ms=5, closed=True),
            "the rollout waits for the hour from which it may widen.",
        ),
        (GateApproved(**SAID, gate="ear", step=1, role=""), "ear is approved."),
        (
            GateRejected(**SAID, gate="lab", step=1, role="voice-quality"),
            "lab is rejected by somebody with the role voice-quality.",
        ),
        (GateJudged(**SAID, gate="queue", outcome=Outcome.FAIL), "gate queue fails."),
        (
            GateJudged(**SAID, gate="queue", outcome=Outcome.FAIL, dry_run=True),
            "gate queue, which is on trial, would take the candidate back.",
        ),
        (
            GateJudged(**SAID, gate=PROMOTION, outcome=Outcome.PASS),
            "the candidate is proven good enough for its next step.",
        ),
        (RollbackMarked(**SAID, rollout="hibari-2", false_alarm=True), "the rollback of hibari-2 was a false alarm."),
        (ServiceRetired(**SAID, release=NEW), "the service is retired and serves nothing any more."),
    ],
    ids=lambda value: sentence(value) if not isinstance(value, str) else "",
)
def test_what_is_told_of_gates_and_people(event: AnyEvent, told: str) -> None:
    """Verdicts that decide something, waiting, and what people said are told in a sentence with who and why."""
    assert said(event) == told


@pytest.mark.parametrize(
    "event",
    [
        GateJudged(**SAID, gate="queue", outcome=Outcome.PASS),
        GateJudged(**SAID, gate="queue", outcome=Outcome.INCONCLUSIVE),
        RolloutAborted(**SAID, trigger=Trigger.RETIRED, release=NEW, back_to=None, weight_bp=500),
    ],
    ids=sentence,
)
def test_what_is_part_of_something_else_is_not_told(event: AnyEvent) -> None:
    """A gate that passes lets the walk go on, and a retired service says for itself that its rollout ended."""
    assert said(event) is None


def test_nobody_is_told_of_windows() -> None:
    """Measurements come every few seconds; people hear what follows from them."""
    (measured,) = [event for event in SAMPLES if type(event).__name__ == "WindowMeasured"]
    assert said(measured) is None
