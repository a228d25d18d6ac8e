"""What measurements move a rollout: what is proven worse takes it back, what proves nothing holds it."""

from dataclasses import replace

from controller.core.commands import PauseRollout, TimerKind
from controller.core.decide import decide
from controller.core.events import AnyEvent, GateJudged, RolloutAborted, RolloutWaiting, Trigger, WindowMeasured
from controller.core.gate import Outcome
from controller.core.gates import GateKind
from controller.core.plan import WATCHED, OnBlind, OnInconclusive, Plan, Step, Until
from controller.core.sequential import ArmCounts
from controller.core.state import State, evolve, timers
from tests.core.watching import (
    BEGAN_MS,
    EVIDENCE,
    NEW,
    SECOND,
    arm,
    at_end,
    blind,
    holding,
    kinds,
    live,
    running,
    window,
)
from tests.spec import SAID, SERVICE, Given, elapsed


class TestEvidence:
    PLAN = Plan("watched", (Step(500, 60), Step(5000, 60)), gates=(EVIDENCE,))

    def test_proven_regression_takes_the_candidate_back(self) -> None:
        """A candidate that fails far more often than stable loses its traffic, and the guilty measure is named."""
        given = holding(self.PLAN)
        bad = [window(number, arm(25, 20), arm(475)) for number in range(1, 12)]
        after_all, facts = live(given, *bad)
        assert after_all.state.rollout is None
        (aborted,) = [fact for fact in facts if isinstance(fact, RolloutAborted)]
        assert aborted.trigger is Trigger.EVIDENCE
        assert "errors" in aborted.guilty
        (judged,) = [fact for fact in facts if isinstance(fact, GateJudged) and fact.outcome is Outcome.FAIL]
        assert judged.guilty == aborted.guilty
        assert judged.figures[-1].value >= 1000
        assert kinds(facts)[-3:] == ["RolloutAborted", "RouteSet", "ReleaseQuarantined"]

    def test_healthy_candidate_goes_on(self) -> None:
        """When the hold ends and nothing speaks against the candidate, it takes the next step."""
        given, _ = live(holding(self.PLAN), *(window(number, arm(25), arm(475)) for number in range(1, 7)))
        _, facts = at_end(given, 6)
        assert kinds(facts) == ["StepStarted", "RouteSet"]

    def test_no_traffic_holds(self) -> None:
        """A candidate that nobody heard has proven nothing: the hold ends and the rollout waits."""
        given, facts = live(holding(self.PLAN), *(window(number, stable=arm(500)) for number in range(1, 7)))
        assert kinds(facts) == []
        given, facts = at_end(given, 6)
        (waiting,) = facts
        assert isinstance(waiting, RolloutWaiting)
        assert "errors" in waiting.reason
        assert running(given).weight_bp == 500

    def test_a_step_that_serves_nobody_waits_for_windows_and_not_for_requests(self) -> None:
        """Where the candidate is given nobody, evidence has nothing to compare and passes; but somebody must look."""
        plan = replace(self.PLAN, steps=(Step(0, 60), *self.PLAN.steps))
        _, (judged, waiting) = at_end(holding(plan), 6)
        assert isinstance(judged, GateJudged)
        assert judged.outcome is Outcome.PASS
        assert isinstance(waiting, RolloutWaiting)
        assert judged.reason == waiting.reason == "nothing was measured yet"
        looked, _ = live(holding(plan), *(window(number, stable=arm(500)) for number in range(1, 7)))
        assert kinds(at_end(looked, 6)[1]) == ["StepStarted", "RouteSet"]

    def test_traffic_that_comes_late_lets_it_on(self) -> None:
        """A rollout that waits goes on with the window that says enough, not with the clock."""
        given, _ = live(holding(self.PLAN), *(window(number, stable=arm(500)) for number in range(1, 7)))
        given, _ = at_end(given, 6)
        _, facts = live(given, window(7, arm(25), arm(475)), window(8, arm(25), arm(475)))
        assert kinds(facts) == ["GateJudged", "StepStarted", "RouteSet"]

    def test_waiting_has_an_end(self) -> None:
        """Who waits longer than the progress deadline is taken back, and not condemned."""
        given, _ = live(holding(self.PLAN), *(window(number, stable=arm(500)) for number in range(1, 7)))
        given, _ = at_end(given, 6)
        given, facts = at_end(given, 5000, TimerKind.DEADLINE)
        assert kinds(facts) == ["RolloutAborted", "RouteSet"]
        assert not given.state.is_quarantined(NEW.digest)

    def test_a_plan_may_refuse_to_wait(self) -> None:
        """With on_inconclusive rollback the end of a hold without an answer ends the rollout."""
        plan = replace(self.PLAN, on_inconclusive=OnInconclusive.ROLLBACK)
        given, _ = live(holding(plan), *(window(number, stable=arm(500)) for number in range(1, 7)))
        _, facts = at_end(given, 6)
        assert kinds(facts) == ["RolloutAborted", "RouteSet"]

    def test_dry_run_decides_nothing(self) -> None:
        """A gate on trial says FAIL, and the candidate keeps its traffic."""
        plan = Plan("trial", (Step(500, 60),), gates=(replace(EVIDENCE, dry_run=True),))
        given, facts = live(holding(plan), *(window(number, arm(25, 20), arm(475)) for number in range(1, 12)))
        assert Outcome.FAIL in {fact.outcome for fact in facts if isinstance(fact, GateJudged)}
        assert running(given).weight_bp == 500

    def test_each_window_counts_once(self) -> None:
        """A window that is late, doubled, or of another rollout changes nothing."""
        given, _ = live(holding(self.PLAN), window(3, arm(25), arm(475)))
        for stale in (window(3, arm(25), arm(475)), window(2, arm(25), arm(475))):
            given.when(stale, BEGAN_MS + 41 * SECOND).then_nothing()
        other = replace(window(4, arm(25), arm(475)), rollout="hibari-1")
        given.when(other, BEGAN_MS + 41 * SECOND).then_nothing()

    def test_paused_rollout_is_still_watched(self) -> None:
        """A pause stops the walk, never the way back."""
        given = holding(self.PLAN)
        paused = given.when(PauseRollout(service=SERVICE, **SAID), now_ms=BEGAN_MS + SECOND)
        _, facts = live(Given(paused.state), *(window(number, arm(25, 20), arm(475)) for number in range(1, 12)))
        assert kinds(facts)[-3:] == ["RolloutAborted", "RouteSet", "ReleaseQuarantined"]

    def test_warm_up_is_not_judged(self) -> None:
        """What a cold candidate does in its first minute is recorded and held against nobody."""
        plan = Plan("warm", (Step(500, 600, warm_up_s=60),), gates=(EVIDENCE,))
        given, facts = live(holding(plan), *(window(number, arm(25, 20), arm(475)) for number in range(1, 7)))
        assert kinds(facts) == []
        assert running(given).evidence is None

    def test_warm_up_passes_nothing(self) -> None:
        """A hold that ends within its step's warm-up waits: nothing of this step was judged yet."""
        plan = Plan("warm", (Step(500, 60), Step(5000, 60, warm_up_s=120)), gates=(EVIDENCE,))
        given, _ = live(holding(plan), *(window(number, arm(25), arm(475)) for number in range(1, 7)))
        given, _ = at_end(given, 6)
        given, _ = live(given, *(window(number, arm(250), arm(250)) for number in range(7, 13)))
        given, facts = at_end(given, 12)
        assert kinds(facts) == ["RolloutWaiting"]
        assert "warm" in facts[0].reason
        given, facts = live(given, *(window(number, arm(250), arm(250)) for number in range(13, 22)))
        assert kinds(facts) == ["RolloutPromoted", "RouteSet"]


class TestLadder:
    PLAN = Plan(
        "ladder", tuple(Step(weight, 60, Until.EVIDENCE) for weight in (500, 2500)), gates=(EVIDENCE,), guard_s=300
    )

    def test_proof_lets_it_on_before_the_clock_would(self) -> None:
        """A healthy candidate climbs as soon as every measure has proven it, and the proof is recorded."""
        given = holding(self.PLAN)
        facts: tuple[AnyEvent, ...] = ()
        given, _ = at_end(live(given, window(1, arm(25), arm(475)))[0], 1)
        for number in range(2, 400):
            given, new = live(given, window(number, arm(500, 2), arm(500, 2)))
            facts += new
            if running(given).step == 1:
                break
        assert kinds(facts)[-3:] == ["GateJudged", "StepStarted", "RouteSet"]
        proofs = [fact for fact in facts if isinstance(fact, GateJudged) and fact.gate == "promotion"]
        assert [proof.outcome for proof in proofs] == [Outcome.PASS]
        assert all(figure.value >= figure.limit for figure in proofs[0].figures)

    def test_ceiling_ends_a_step_that_is_never_proven(self) -> None:
        """A step that waits for evidence ends the rollout at its ceiling."""
        plan = replace(self.PLAN, steps=(Step(500, 60, Until.EVIDENCE, ceiling_s=600),))
        given, _ = at_end(live(holding(plan), window(1, arm(25), arm(475)))[0], 1)
        (deadline,) = (timer for timer in timers(given.state) if timer.kind is TimerKind.DEADLINE)
        assert deadline.due_ms == BEGAN_MS + 600 * SECOND
        _, facts = at_end(given, 60, TimerKind.DEADLINE)
        assert kinds(facts) == ["RolloutAborted", "RouteSet"]


class TestBlindness:
    PLAN = Plan("watched", (Step(500, 60), Step(5000, 60)), gates=(EVIDENCE,))

    def test_blind_rollout_steps_back(self) -> None:
        """Five minutes without any measurement while users are served: one step back, because nobody is looking."""
        given, _ = live(holding(self.PLAN), *(window(number, arm(25), arm(475)) for number in range(1, 7)))
        given, _ = at_end(given, 6)
        given, facts = live(given, blind(8), blind(9))
        assert [fact.blind for fact in facts if isinstance(fact, WindowMeasured)] == ["Prometheus is away"]
        given, facts = at_end(given, 40, TimerKind.BLIND)
        assert kinds(facts) == ["StepStarted", "RouteSet"]
        assert running(given).weight_bp == 500
        assert "blind" in facts[0].reason

    def test_blind_first_step_ends_the_rollout(self) -> None:
        """Behind the first step there is no other: the candidate leaves, and is not condemned."""
        given, facts = at_end(holding(self.PLAN), 40, TimerKind.BLIND)
        assert kinds(facts) == ["RolloutAborted", "RouteSet"]
        assert not given.state.is_quarantined(NEW.digest)

    def test_each_window_puts_blindness_off(self) -> None:
        """Whoever is measured is not blind: the timer of the window before is stale."""
        given = holding(self.PLAN)
        stale = elapsed(given, TimerKind.BLIND)
        given, _ = live(given, window(1, arm(25), arm(475)))
        given.when(stale).then_nothing()

    def test_old_measurements_take_no_step(self) -> None:
        """When the last window is older than 30 s at the end of the hold, the rollout waits."""
        given, _ = live(holding(self.PLAN), window(1, arm(25), arm(475)), window(2, arm(25), arm(475)))
        _, facts = at_end(given, 6)
        assert kinds(facts) == ["RolloutWaiting"]
        assert "old" in facts[0].reason

    def test_late_word_of_blindness_is_old(self) -> None:
        """That nothing was seen before what has been seen since is no news, and holds nobody up."""
        given, _ = live(holding(self.PLAN), *(window(number, arm(25), arm(475)) for number in range(1, 7)))
        given.when(blind(5), BEGAN_MS + 60 * SECOND).then_nothing()
        assert kinds(at_end(given, 6)[1]) == ["StepStarted", "RouteSet"]

    def test_window_of_the_future_blinds_nobody_for_long(self) -> None:
        """A window that has not ended yet is none: it passes nothing, and those after it count as they would."""
        given = holding(self.PLAN)
        facts = decide(given.state, window(1000, arm(25), arm(475)), BEGAN_MS + 60 * SECOND)
        (told,) = [fact for fact in facts if isinstance(fact, WindowMeasured)]
        assert "clock" in told.blind
        assert told.window.candidate == ArmCounts()
        state = evolve(given.state, told)
        _, waits = at_end(Given(state), 6)
        assert kinds(waits) == ["RolloutWaiting"]
        _, facts = live(Given(state), *(window(number, arm(25, 20), arm(475)) for number in range(1, 12)))
        assert kinds(facts)[-3:] == ["RolloutAborted", "RouteSet", "ReleaseQuarantined"]

    def test_a_plan_may_bear_blindness(self) -> None:
        """With on_blind hold nothing comes due."""
        given = holding(replace(self.PLAN, on_blind=OnBlind.HOLD))
        assert [timer.kind for timer in timers(given.state)] == [TimerKind.HOLD]


def test_defaults_watch() -> None:
    """The careful plan asks for evidence and memory without being told to."""
    assert Plan(gates=WATCHED).by_evidence
    assert [gate.kind for gate in WATCHED] == [GateKind.EVIDENCE, GateKind.MEMORY]


def test_state_grows_no_longer_than_an_hour_of_windows() -> None:
    """What is remembered of a rollout does not grow with the number of windows."""
    given, _ = live(holding(TestEvidence.PLAN), *(window(number, arm(25), arm(475)) for number in range(1, 200)))
    first = len(repr(given.state))
    given, _ = live(given, *(window(number, arm(25), arm(475)) for number in range(200, 400)))
    assert len(repr(given.state)) < 1.2 * first
    assert isinstance(given.state, State)
