"""How gates, hours and pauses move a rollout: the worst answer counts, and who cannot answer holds it."""

from dataclasses import replace

import pytest

from controller.core.calendar import Hours
from controller.core.commands import PauseRollout, ResumeRollout, TimerKind
from controller.core.decide import decide
from controller.core.events import GateJudged, RolloutAborted, RolloutPaused, RouteSet, Trigger
from controller.core.gate import Outcome
from controller.core.gates import Gate, GateKind, NoData
from controller.core.names import FULL_BP
from controller.core.plan import Plan, Step
from controller.core.readings import Footprint, MemorySource, Reading
from controller.core.routing import Segment
from controller.core.state import timers
from tests.core.watching import BEGAN_MS, QUEUE, SECOND, arm, at_end, holding, kinds, live, window
from tests.spec import SAID, SERVICE, Given, elapsed


class TestReadings:
    PLAN = Plan("queue", (Step(500, 60), Step(5000, 60)), gates=(QUEUE,))

    def test_one_blip_does_not_roll_back(self) -> None:
        """A reading beyond the bound counts when enough of them stand in a row; one in between starts the row anew."""
        values = (20, 20, 5, 20, 20)
        readings = [window(n, None, None, Reading("queue", float(v))) for n, v in enumerate(values, start=1)]
        given, facts = live(holding(self.PLAN), *readings)
        assert [(f.gate, f.outcome) for f in facts if isinstance(f, GateJudged)] == [
            ("queue", Outcome.PASS),
            ("queue", Outcome.INCONCLUSIVE),
        ]
        _, facts = live(given, window(6, None, None, Reading("queue", 20.0)))
        assert kinds(facts) == ["GateJudged", "RolloutAborted", "RouteSet", "ReleaseQuarantined"]

    def test_silence_neither_fails_nor_passes(self) -> None:
        """A gate without a value is INCONCLUSIVE: it takes nothing back, and the end of the hold waits for it."""
        silent = [window(n, None, None, Reading("queue", reason="no series")) for n in range(1, 7)]
        given, facts = live(holding(self.PLAN), *silent)
        assert kinds(facts) == []
        _, facts = at_end(given, 6)
        assert kinds(facts) == ["RolloutWaiting"]
        assert "no series" in facts[0].reason

    def test_old_answer_passes_nothing(self) -> None:
        """What a gate said long ago holds the rollout when nobody has said anything since, until somebody does."""
        given, _ = live(holding(self.PLAN), window(1, None, None, Reading("queue", 5.0)))
        given, facts = at_end(given, 60)
        assert kinds(facts) == ["RolloutWaiting"]
        assert "the last reading of queue is 591 s old" in facts[0].reason
        _, facts = live(given, window(61, None, None, Reading("queue", 5.0)))
        assert kinds(facts) == ["StepStarted", "RouteSet"]

    def test_silence_may_be_made_to_count(self) -> None:
        """With no_data rollback, silence that lasts takes the candidate back."""
        plan = replace(self.PLAN, gates=(replace(QUEUE, no_data=NoData.ROLLBACK),))
        _, facts = live(holding(plan), *(window(n, None, None, Reading("queue", reason="away")) for n in range(1, 4)))
        assert kinds(facts) == ["GateJudged", "RolloutAborted", "RouteSet", "ReleaseQuarantined"]

    def test_inline_gate_is_asked_at_the_end_of_its_step(self) -> None:
        """A gate that a step names says nothing during the hold, and decides at its end."""
        lab = Gate("lab", GateKind.HTTP, "http://lab/check")
        plan = Plan("lab", (Step(500, 60, gates=("lab",)), Step(5000, 60)), gates=(lab,))
        given, facts = live(holding(plan), window(1, None, None, Reading("lab", outcome=Outcome.FAIL, reason="flat")))
        assert kinds(facts) == []
        given, facts = at_end(given, 6)
        assert kinds(facts) == ["GateJudged", "RolloutAborted", "RouteSet", "ReleaseQuarantined"]

    def test_two_gates_one_fails(self) -> None:
        """The worst answer counts."""
        lab = Gate("lab", GateKind.HTTP, "http://lab/check")
        plan = Plan("both", (Step(500, 60),), gates=(lab, replace(QUEUE, persist=1)))
        answers = (Reading("lab", outcome=Outcome.PASS, reason="fine"), Reading("queue", 99.0))
        _, facts = live(holding(plan), window(1, None, None, *answers))
        assert kinds(facts) == ["GateJudged", "GateJudged", "RolloutAborted", "RouteSet", "ReleaseQuarantined"]

    def test_inline_gate_is_recorded_in_every_step(self) -> None:
        """A gate that two steps end with answers twice, and the journal has both answers."""
        lab = Gate("lab", GateKind.HTTP, "http://lab/check")
        plan = Plan("lab", (Step(500, 60, gates=("lab",)), Step(5000, 60, gates=("lab",))), gates=(lab,))
        passed = Reading("lab", outcome=Outcome.PASS, reason="fine")
        given, _ = live(holding(plan), window(6, None, None, passed))
        given, first = at_end(given, 6)
        assert kinds(first) == ["GateJudged", "StepStarted", "RouteSet"]
        given, second = at_end(given, 12)
        assert kinds(second) == ["RolloutWaiting"]
        _, second = live(given, window(13, None, None, passed))
        assert kinds(second) == ["GateJudged", "RolloutPromoted", "RouteSet"]


class TestFleet:
    PLAN = Plan(
        "turn",
        (Step(0, 60, gates=("fleet",)), Step(500, 60)),
        gates=(Gate("fleet", GateKind.FLEET, above=2),),
    )

    def test_rollout_waits_for_its_turn(self) -> None:
        """While too many others serve users the rollout waits; it is not taken back, however often that is read."""
        given, facts = live(holding(self.PLAN), *(window(n, None, None, Reading("fleet", 3.0)) for n in range(1, 9)))
        assert kinds(facts) == []
        given, facts = at_end(given, 9)
        assert kinds(facts) == ["RolloutWaiting"]
        assert "fleet is 3" in facts[0].reason
        _, facts = live(given, window(10, None, None, Reading("fleet", 2.0)))
        assert kinds(facts) == ["GateJudged", "StepStarted", "RouteSet"]

    def test_nobody_is_blamed_for_a_turn_that_cannot_be_read(self) -> None:
        """Not to know how many others are at it takes nothing back, whatever the gate makes of silence."""
        fleet = replace(self.PLAN.gates[0], no_data=NoData.ROLLBACK)
        silent = window(1, None, None, Reading("fleet", reason="the database is away"))
        given, _ = live(holding(replace(self.PLAN, gates=(fleet,))), silent)
        _, facts = at_end(given, 6)
        assert kinds(facts) == ["RolloutWaiting"]


class TestMemory:
    def test_candidate_that_needs_much_more_than_stable_goes(self) -> None:
        """A fifth more than stable's footprint, for a minute, takes the candidate back."""
        plan = Plan("memory", (Step(500, 600),), gates=(Gate("memory", GateKind.MEMORY),))
        grown = Footprint(650_000_000, 500_000_000, MemorySource.PROCESS)
        _, facts = live(holding(plan), *(window(n, arm(25), arm(475), memory=grown) for n in range(1, 8)))
        assert kinds(facts)[-4:] == ["GateJudged", "RolloutAborted", "RouteSet", "ReleaseQuarantined"]
        (aborted,) = [fact for fact in facts if isinstance(fact, RolloutAborted)]
        assert (aborted.trigger, aborted.guilty) == (Trigger.GATE, ("memory",))

    def test_old_footprint_passes_nothing(self) -> None:
        """Memory that was within its limits before it was no longer read holds the rollout."""
        plan = Plan("memory", (Step(500, 60), Step(5000, 60)), gates=(Gate("memory", GateKind.MEMORY),))
        well = Footprint(500_000_000, 500_000_000, MemorySource.PROCESS)
        given, _ = live(holding(plan), window(1, memory=well), *(window(number) for number in range(2, 61)))
        _, facts = at_end(given, 60)
        assert kinds(facts) == ["RolloutWaiting"]
        assert "memory" in facts[0].reason


class TestHours:
    def test_widening_waits_for_its_hour(self) -> None:
        """A plan with office hours does not widen at night; it goes on when the hour comes."""
        # NOW_MS is a Thursday, 00:16:40 UTC.
        plan = Plan("office", (Step(500, 60), Step(5000, 60)), hours=(Hours(("thu",), 9 * 60, 17 * 60),))
        given, facts = at_end(holding(plan), 6)
        assert kinds(facts) == ["RolloutWaiting"]
        (timer,) = timers(given.state)
        assert (timer.kind, timer.due_ms) == (TimerKind.HOLD, 9 * 3600 * SECOND)
        _, facts = Given(given.state), decide(given.state, elapsed(given, TimerKind.HOLD), timer.due_ms)
        assert kinds(facts) == ["StepStarted", "RouteSet"]

    def test_the_hour_comes_even_if_clocks_disagree(self) -> None:
        """A timer that fires by a clock a little ahead of the message's still ends the wait for its hour."""
        plan = Plan("office", (Step(500, 60), Step(5000, 60)), hours=(Hours(("thu",), 9 * 60, 17 * 60),))
        given, _ = at_end(holding(plan), 6)
        early_ms = 9 * 3600 * SECOND - 50
        assert kinds(decide(given.state, elapsed(given, TimerKind.HOLD), early_ms)) == ["StepStarted", "RouteSet"]


class TestRoute:
    def test_step_brings_its_segments_and_mirror(self) -> None:
        """A step's segments and mirror stand in the table as long as it lasts."""
        staff = Segment("staff", (("tier", "staff"),), 10_000)
        steps = (Step(0, 60, mirror_bp=1000, segments=(staff,)), Step(500, 60, segments=(staff,)), Step(FULL_BP, 60))
        plan = Plan("staff", steps)
        given = holding(plan)
        assert (given.state.segments, given.state.mirror_bp) == ((staff,), 1000)
        _, facts = at_end(given, 6)
        (routed,) = [fact for fact in facts if isinstance(fact, RouteSet)]
        assert (routed.segments, routed.mirror_bp) == ((staff,), 0)

    @pytest.mark.parametrize(
        "steps",
        [
            (Step(0, 60, segments=(Segment("staff", (("tier", "staff"),), 10_000),)), Step(500, 60)),
            (Step(5000, 60), Step(6000, 60, segments=(Segment("vip", (("tier", "vip"),), 0),))),
        ],
        ids=["left out", "shut out"],
    )
    def test_nobody_loses_the_new_voice_on_the_way_up(self, steps: tuple[Step, ...]) -> None:
        """Whoever is served by the candidate stays with it: a plan in which any segment's share shrinks is refused."""
        with pytest.raises(ValueError, match=r"steps\.1 takes segment \w+ from \d+ back to"):
            Plan("shrinking", steps)


def test_a_long_pause_uses_up_no_ceiling() -> None:
    """Who resumes a rollout gives it the time that its plan gives for waiting, however long the pause was."""
    plan = Plan("ceiling", (Step(500, 60, ceiling_s=600), Step(5000, 60)), gates=(QUEUE,))
    paused = holding(plan).when(PauseRollout(service=SERVICE, **SAID), BEGAN_MS + 30 * SECOND)
    later_ms = BEGAN_MS + 3600 * SECOND
    given = Given(Given(paused.state).when(ResumeRollout(service=SERVICE, **SAID), later_ms).state)
    waits = given.when(elapsed(given, TimerKind.HOLD), later_ms + 30 * SECOND)
    (timer,) = timers(waits.state)
    assert timer.kind is TimerKind.DEADLINE
    assert timer.due_ms == later_ms + 570 * SECOND


def test_pause_of_a_rollout_that_waits_has_nothing_left() -> None:
    """The hold of a rollout that waits is over: a pause keeps none of it, and resuming asks the gates again."""
    given, _ = at_end(holding(TestReadings.PLAN), 6)
    facts = decide(given.state, PauseRollout(service=SERVICE, **SAID), BEGAN_MS + 62 * SECOND)
    assert facts == (RolloutPaused(**SAID, rollout="hibari-2", hold_left_ms=0),)
