"""What a fact says in a line: which release, how much of the traffic, and why."""

from controller.cli.words import percent, told
from controller.core.events import (
    GateApproved,
    GateJudged,
    GateRejected,
    RollbackMarked,
    RolloutWaiting,
    ServiceRetired,
)
from controller.core.gate import Outcome
from tests.spec import Words, after, candidate, installed, previous, release, request, route, stable

OLD, NEW = release("1.4.0"), release("1.5.0")


def test_a_change_of_route_says_who_gets_how_much() -> None:
    """The history shows what moved, not only why; the release kept for going back moves nothing."""
    assert told(route(2, stable(OLD, 9500), candidate(NEW, 500))) == "1.4.0 95 %, 1.5.0 5 %: a test says so"
    assert told(route(3, stable(OLD), candidate(NEW, 0))) == "1.4.0 100 %, 1.5.0 0 %: a test says so"
    assert told(route(4, stable(NEW), previous(OLD))) == "1.5.0 100 %: a test says so"


def test_a_rollout_says_its_release() -> None:
    """Whoever misspells a service reads at once that a new one begins."""
    first, *_ = installed()
    assert told(first) == "1.4.0, the first release of this service: a test says so"
    (second,) = after(past=installed()).when(request("1.5.0")).events
    assert told(second) == "1.5.0 by plan test: a test says so"


def test_verdicts_and_what_people_say_of_gates_are_read_in_a_line() -> None:
    """The history names the gate, its answer, whether that counts, and in which role somebody spoke."""
    said: Words = {"actor": "ann", "reason": "it is"}
    assert told(GateJudged(**said, gate="queue", outcome=Outcome.FAIL, dry_run=True)) == (
        "queue says fail, on trial: it is"
    )
    assert told(GateApproved(**said, gate="ear", step=1, role="voice-quality")) == (
        "ear approved at step 1 as voice-quality: it is"
    )
    assert told(GateRejected(**said, gate="ear", step=1, role="")) == "ear rejected at step 1: it is"
    assert told(RolloutWaiting(**said, step=1, due_ms=0)) == "step 1 waits: it is"
    assert told(RollbackMarked(**said, false_alarm=True)) == "a false alarm: it is"
    assert told(RollbackMarked(**said, false_alarm=False)) == "a true alarm: it is"
    assert told(ServiceRetired(**said, release=OLD)) == "1.4.0 serves no more: it is"


def test_weights_are_read_in_per_cent() -> None:
    """Basis points lose no digit."""
    assert [percent(weight_bp) for weight_bp in (0, 500, 1250, 1, 10_000)] == [
        "0 %",
        "5 %",
        "12.5 %",
        "0.01 %",
        "100 %",
    ]
