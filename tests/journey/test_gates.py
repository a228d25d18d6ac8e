"""What is asked of a candidate, and what becomes of it: failing takes it back, not knowing holds it."""

import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

from controller.core.events import AnyEvent, GateJudged, RolloutAborted, RolloutWaiting
from controller.core.stream import Fact
from tests.journey.clock import elapse, signals_decided
from tests.journey.measuring import measure, spoken
from tests.journey.world import Tale

E = TypeVar("E", bound=AnyEvent)
Gates = Sequence[Mapping[str, object]]

EVIDENCE = {"kind": "evidence"}
QUEUE = {"kind": "prometheus", "name": "queue", "query": "queue_length", "above": 10}
LAB = {"kind": "http", "name": "lab", "query": "http://lab.example/check"}
TWO_STEPS = [{"weight_bp": 500, "hold_s": 3600}, {"weight_bp": 5000, "hold_s": 3600}]
LAB_FIRST = [{"weight_bp": 500, "hold_s": 3600, "gates": ["lab"]}, {"weight_bp": 5000, "hold_s": 3600}]
FEW = ["stable=1.4.0:9500", "candidate=1.5.0:500"]
HALF = ["stable=1.4.0:5000", "candidate=1.5.0:5000"]
WIDENED = ["StepStarted 1 5000", "RouteSet 3 stable=1.4.0:5000 candidate=1.5.0:5000"]


def asked_for(tale: Tale, gates: Gates, steps: object = None, **plan: object) -> list[str]:
    """Ask for 1.5.0 where 1.4.0 serves, and return the facts up to its first step, whether or not they came yet."""
    told = tale.install(tale.world.release("1.4.0"))
    new = tale.world.release("1.5.0", frequency_hz="660")
    tale.request(new, steps=TWO_STEPS if steps is None else steps, gates=gates, **plan)
    return [
        *told,
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 500",
        "RouteSet 2 stable=1.4.0:9500 candidate=1.5.0:500",
    ]


def asked(tale: Tale, gates: Gates, steps: object = None, **plan: object) -> list[str]:
    """1.5.0 stands in the first of its steps, an hour each; these gates are asked about it."""
    told = asked_for(tale, gates, steps, **plan)
    tale.told(*told)
    return told


def taken_back(tale: Tale, told: list[str], trigger: str, epoch: int = 3) -> None:
    """The candidate was taken back, and everybody is served by 1.4.0."""
    tale.told(
        *told,
        f"RolloutAborted {trigger} 1.5.0 back to 1.4.0",
        f"RouteSet {epoch} stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    )
    tale.applied(epoch)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert set(tale.served_by(["ann", "ben"]).values()) == {"1.4.0"}


def last(tale: Tale, kind: type[E]) -> tuple[Fact, E]:
    """Return the last fact of a kind."""
    return [(fact, fact.event) for fact in tale.facts() if isinstance(fact.event, kind)][-1]


def test_background_gate_fails_mid_hold(tale: Tale) -> None:
    """Given an hour's hold, when evidence proves in it that the first audio comes late, the traffic returns at once."""
    told = asked(tale, [EVIDENCE])
    for _ in range(2):
        measure(tale, candidate=spoken(100), stable=spoken(900))
    told += ["WindowMeasured", "WindowMeasured", "GateJudged evidence pass"]
    tale.told(*told)
    assert tale.table() == FEW
    measure(tale, candidate=spoken(100, later=8), stable=spoken(900))
    taken_back(tale, [*told, "WindowMeasured", "GateJudged evidence fail"], "evidence")
    aborted, event = last(tale, RolloutAborted)
    assert event.guilty == ("ttfa",)
    assert "worse in ttfa" in event.reason
    proof = {figure.name: figure.value / figure.limit for figure in last(tale, GateJudged)[1].figures}
    assert proof["ttfa"] > 1 > proof["errors"]
    assert aborted.event.actor == "a journey"


def test_inline_gate_fails(tale: Tale) -> None:
    """Given a gate that a step ends with, its answer moves nothing during the hold; at its end, a bad one decides."""
    told = asked(tale, [LAB], LAB_FIRST)
    measure(tale, {"lab": "fail"})
    signals_decided(tale)
    told += ["WindowMeasured"]
    tale.told(*told)
    assert tale.table() == FEW
    elapse(tale)
    taken_back(tale, [*told, "GateJudged lab fail"], "gate")
    assert last(tale, RolloutAborted)[1].guilty == ("lab",)


def test_two_gates_one_fails(tale: Tale) -> None:
    """Given two gates, the one that passes does not outweigh the other, and the record names the guilty one."""
    told = asked(tale, [LAB, QUEUE])
    measure(tale, {"lab": "pass", "queue": 5})
    told += ["WindowMeasured", "GateJudged lab pass", "GateJudged queue pass"]
    tale.told(*told)
    measure(tale, {"lab": "pass", "queue": 11})
    taken_back(tale, [*told, "WindowMeasured", "GateJudged queue fail"], "gate")
    event = last(tale, RolloutAborted)[1]
    assert event.guilty == ("queue",)
    assert event.reason == "queue is 11; it fails above 10"


def test_inconclusive_gate_holds(tale: Tale) -> None:
    """Given a gate that cannot say, the hold's end moves nothing either way; when it passes, the walk goes on."""
    told = asked(tale, [LAB])
    measure(tale, {"lab": "inconclusive"})
    elapse(tale)
    told += ["WindowMeasured", "RolloutWaiting 0"]
    tale.told(*told)
    assert last(tale, RolloutWaiting)[1].reason == "lab: it answers inconclusive"
    measure(tale, {"lab": "inconclusive"})
    signals_decided(tale)
    told += ["WindowMeasured"]
    tale.told(*told)
    assert tale.table() == FEW
    measure(tale, {"lab": "pass"})
    tale.told(*told, "WindowMeasured", "GateJudged lab pass", *WIDENED)
    tale.applied(3)
    assert tale.table() == HALF


def test_no_traffic_holds_not_passes(tale: Tale) -> None:
    """Given windows in which nobody spoke, the hold's end is no success; only when people were heard it goes on."""
    told = asked(tale, [EVIDENCE])
    for _ in range(3):
        measure(tale)
    elapse(tale)
    told += [*["WindowMeasured"] * 3, "RolloutWaiting 0"]
    tale.told(*told)
    assert last(tale, RolloutWaiting)[1].reason == "nothing to compare for errors, latency, ttfa, rtf"
    # Stable's users alone are no comparison either.
    measure(tale, stable=spoken(900))
    signals_decided(tale)
    told += ["WindowMeasured"]
    tale.told(*told)
    assert tale.table() == FEW
    measure(tale, candidate=spoken(100), stable=spoken(900))
    tale.told(*told, "WindowMeasured", "GateJudged evidence pass", *WIDENED)
    tale.applied(3)
    assert tale.table() == HALF


def test_dry_run_gate_never_decides(tale: Tale) -> None:
    """Given gates on trial, their failing is recorded, and the walk goes to its end without them."""
    trial = [{**QUEUE, "dry_run": True}, {**LAB, "dry_run": True}]
    told = asked(tale, trial, LAB_FIRST)
    measure(tale, {"queue": 99, "lab": "fail"})
    signals_decided(tale)
    told += ["WindowMeasured", "GateJudged queue fail (dry run)"]
    tale.told(*told)
    elapse(tale)
    told += ["GateJudged lab fail (dry run)", *WIDENED]
    tale.told(*told)
    elapse(tale)
    tale.told(*told, "RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 4 stable=1.5.0:10000 previous=1.4.0:0")
    tale.applied(4)
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]


def test_one_blip_does_not_roll_back(tale: Tale) -> None:
    """Given a gate that counts three bad readings in a row, fewer only delay the next step; three take it back."""
    told = asked(tale, [{**QUEUE, "persist": 3}])
    for value in (5, 20, 20, 5, 20):
        measure(tale, {"queue": value})
    told += [
        *("WindowMeasured", "GateJudged queue pass"),
        *("WindowMeasured", "GateJudged queue inconclusive"),
        "WindowMeasured",
        *("WindowMeasured", "GateJudged queue pass"),
        *("WindowMeasured", "GateJudged queue inconclusive"),
    ]
    tale.told(*told)
    elapse(tale)
    told += ["RolloutWaiting 0"]
    tale.told(*told)
    assert last(tale, RolloutWaiting)[1].reason == "queue is 20; it fails above 10; 1 of 3 in a row"
    assert tale.table() == FEW
    measure(tale, {"queue": 5})
    told += ["WindowMeasured", "GateJudged queue pass", *WIDENED]
    tale.told(*told)
    assert tale.table() == HALF
    for _ in range(3):
        measure(tale, {"queue": 20})
    told += ["WindowMeasured", "GateJudged queue inconclusive", "WindowMeasured", "WindowMeasured"]
    taken_back(tale, [*told, "GateJudged queue fail"], "gate", epoch=4)


def test_hold_longer_than_progress_deadline(tale: Tale) -> None:
    """Given a hold longer than the progress deadline, that deadline ends nothing: it counts from the hold's end."""
    told = asked(tale, [QUEUE], progress_deadline_s=0.3)
    time.sleep(1)
    signals_decided(tale)
    tale.told(*told)
    assert tale.table() == FEW
    measure(tale, {"queue": 5})
    elapse(tale)
    tale.told(*told, "WindowMeasured", "GateJudged queue pass", *WIDENED)
    tale.applied(3)
    assert tale.table() == HALF


def test_progress_deadline_exceeded_rolls_back(tale: Tale) -> None:
    """Given a gate that nobody answers, the rollout ends at its progress deadline, and its release may come again."""
    told = asked_for(tale, [QUEUE], [{"weight_bp": 500, "hold_s": 0.3}], progress_deadline_s=1)
    told += [
        "RolloutWaiting 0",
        "RolloutAborted progress_deadline 1.5.0 back to 1.4.0",
        "RouteSet 3 stable=1.4.0:10000",
    ]
    tale.told(*told)
    tale.applied(3)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert set(tale.served_by(["ann", "ben"]).values()) == {"1.4.0"}
    waiting, waits = last(tale, RolloutWaiting)
    aborted, event = last(tale, RolloutAborted)
    assert waits.due_ms == waiting.at_ms + 1000 <= aborted.at_ms
    assert event.reason == "step 0 did not end in time: queue was not asked yet"
    tale.request(tale.world.release("1.5.0", frequency_hz="660"))
    tale.told(
        *told,
        f"RolloutStarted {tale.service}-3 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 5000",
        "RouteSet 4 stable=1.4.0:5000 candidate=1.5.0:5000",
    )
    assert tale.table() == HALF
