"""`segue explain`: what people read of a rollout is in its facts, and in order."""

from controller.cli.story import story
from controller.core.commands import (
    AnyCommand,
    ApproveGate,
    ExtendHold,
    MarkRollback,
    PauseRollout,
    PromoteRollout,
    ResumeRollout,
    RollBack,
    TimerKind,
)
from controller.core.gates import Gate, GateKind
from controller.core.plan import Plan, Step
from controller.core.stream import Fact, History, fold, react
from tests.core.watching import BEGAN_MS, EVIDENCE, SECOND, arm, blind, window
from tests.spec import NOW_MS, SERVICE, Given, Words, elapsed, given, installed, ready, request

EAR = Gate("ear", GateKind.APPROVAL, role="voice-quality")
PLAN = Plan("heard", (Step(500, 60, gates=("ear",)), Step(5000, 60)), gates=(EVIDENCE, EAR))
ANN: Words = {"actor": "ann", "reason": "it sounds well."}


def lived(*commands: tuple[AnyCommand | TimerKind, int]) -> list[str]:
    """Live through commands and timers that come due, each at its time, and return the sentences of hibari-2."""
    history, facts = History(given(installed()).state), list[Fact]()
    for number, (command, at_ms) in enumerate(commands):
        due = elapsed(Given(history.state), command) if isinstance(command, TimerKind) else command
        new = react(history, due, f"m{number}", at_ms)
        history, facts = fold(history, new), [*facts, *new]
    return [one.text for one in story(fact for fact in facts if fact.event.rollout == "hibari-2")]


def at(number: float) -> int:
    """So many windows of ten seconds after the first step began, and a second."""
    return BEGAN_MS + round(number * 10 * SECOND) + SECOND


BEGINNING: list[tuple[AnyCommand | TimerKind, int]] = [(request("1.5.0", PLAN), NOW_MS), (ready("1.5.0"), BEGAN_MS)]


def test_a_rollout_that_is_taken_back_is_told_from_request_to_quarantine() -> None:
    """Who asked, the step, what was measured in it, the verdict with its figures, how it ended and when."""
    told = lived(*BEGINNING, *((window(number, arm(25, 20), arm(475)), at(number)) for number in range(1, 12)))
    assert told[:3] == [
        "ci asked to roll out 1.5.0 by plan heard; stable was 1.4.0: a test says so.",
        "After 0:01 it was loaded (in 3.5 s), and its probe spoke 1.5 s of audio within 0.20 s.",
        "Step 0 gave it 5 % for 1:00 at least: the release is loaded and its probe spoke.",
    ]
    verdict, measured, taken, quarantined = told[-4:]
    assert verdict.startswith("Gate evidence said fail: the candidate is worse in errors")
    assert "all together" in verdict
    assert " of 1000 (" in verdict
    assert measured.startswith("In ")
    assert "of which 80.00 % failed, stable" in measured
    assert measured.endswith("of which none failed.")
    assert taken.startswith("It was taken back from 5 % after 0:")
    assert "(evidence, by observer), and all traffic went to 1.4.0: the candidate is worse in errors" in taken
    assert "Guilty: errors" in taken
    assert quarantined == "1.5.0 is quarantined; only an override lets it return."


def test_what_people_did_is_told_with_their_names() -> None:
    """Pauses, extensions, waiting, approvals and refused orders stand in the story as they came."""
    healthy = [(window(number, arm(25), arm(475)), at(number)) for number in range(1, 9)]
    told = lived(
        *BEGINNING,
        (PauseRollout(service=SERVICE, **ANN), at(0)),
        (PauseRollout(service=SERVICE, **ANN), at(0)),
        (ResumeRollout(service=SERVICE, **ANN), at(0)),
        (ExtendHold(service=SERVICE, **ANN, by_s=15), at(0)),
        *healthy,
        (TimerKind.HOLD, at(8)),
        (ApproveGate(service=SERVICE, **ANN, gate="ear", role="voice-quality"), at(8.1)),
        (PromoteRollout(service=SERVICE, **ANN), at(9)),
    )
    assert told[3] == "ann paused it with 0:59 of the hold left: it sounds well."
    assert told[4].startswith("An order of ann was refused: rollout hibari-2 is paused already")
    assert told[5] == "ann let it go on: it sounds well."
    assert told[6] == "ann extended the hold until 1970-01-01T00:17:56.000Z: it sounds well."
    assert told[-6:] == [
        "The hold of step 0 was over, and it waited: ear waits for somebody with the role voice-quality to approve it.",
        "ann approved ear at step 0 in the role voice-quality: it sounds well.",
        "Gate ear said pass: ann approved ear.",
        "In 8 windows until then the candidate answered 200 requests, of which none failed, "
        "stable 3800 requests, of which none failed.",
        "Step 1 gave it 50 % for 1:00 at least: what it waited for is there.",
        "It was promoted over 1.4.0 after 1:32: it sounds well.",
    ]


def test_a_reason_of_dots_stays_one() -> None:
    """A sentence ends with one dot, and what somebody typed in place of a reason is told as it was typed."""
    dots: Words = {"actor": "ann", "reason": "..."}
    told = lived(*BEGINNING, (PauseRollout(service=SERVICE, **dots), at(0)))
    assert told[-1] == "ann paused it with 0:59 of the hold left: ..."


def test_blindness_is_told() -> None:
    """That nothing could be measured, and why, is part of the story."""
    told = lived(*BEGINNING, (blind(1), at(1)), (RollBack(service=SERVICE, **ANN), at(2)))
    assert "Nothing could be measured: Prometheus is away." in told
    assert "(order, by ann), and all traffic went to 1.4.0: it sounds well." in told[-2]


def test_a_rollout_that_still_runs_ends_with_what_was_measured() -> None:
    """The story of a running rollout is told as far as it goes."""
    told = lived(*BEGINNING, (window(1, arm(25), arm(475)), at(1)))
    assert told[-1].startswith("In one window until then the candidate answered 25 requests")


def test_windows_that_compare_no_requests_say_so() -> None:
    """Where only memory is judged nobody counts requests, and the story does not say that there were none."""
    told = lived(*BEGINNING, (window(1), at(1)))
    assert told[-1] == "In one window until then no requests were compared."


def test_what_people_say_of_a_rollback_afterwards_ends_the_story() -> None:
    """Who marked it, as what, and why."""
    mark = MarkRollback(service=SERVICE, rollout="hibari-2", **ANN, false_alarm=True)
    back = RollBack(service=SERVICE, **ANN)
    told = lived(*BEGINNING, (back, BEGAN_MS + SECOND), (mark, BEGAN_MS + 2 * SECOND))
    assert told[-1] == "ann marked that as a false alarm: it sounds well."
