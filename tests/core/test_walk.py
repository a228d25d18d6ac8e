"""How measurements and gates move a rollout: what fails takes it back, what cannot say holds it."""

from collections import Counter
from dataclasses import replace

import pytest

from controller.core.calendar import Hours
from controller.core.commands import PauseRollout, ReportWindow, ResumeRollout, TimerKind
from controller.core.decide import decide
from controller.core.events import (
    AnyEvent,
    GateJudged,
    RolloutAborted,
    RolloutPaused,
    RolloutWaiting,
    RouteSet,
    Trigger,
    WindowMeasured,
)
from controller.core.gate import Outcome
from controller.core.gates import Gate, GateKind, NoData
from controller.core.names import FULL_BP
from controller.core.plan import WATCHED, OnBlind, OnInconclusive, Plan, Step, Until
from controller.core.readings import Footprint, MemorySource, Reading
from controller.core.rollout import Rollout
from controller.core.routing import Segment
from controller.core.sequential import ArmCounts, Window, bucket_of
from controller.core.state import State, evolve, timers
from tests.spec import NOW_MS, SAID, SERVICE, Given, after, elapsed, installed, ready, release, request

OLD, NEW = release("1.4.0"), release("1.5.0")
EVIDENCE = Gate("evidence", GateKind.EVIDENCE)
QUEUE = Gate("queue", GateKind.PROMETHEUS, "queue_length", above=10, persist=3)
BEGAN_MS = NOW_MS + 1000
"""When the first step of `holding` began."""

SECOND = 1000


def arm(requests: int, failures: int = 0) -> ArmCounts:
    """An arm's ten seconds: blocks of five requests, whose times are log-logistic around 0.2 s."""
    ranks = [(number + 0.5) / requests for number in range(requests - failures)]
    spoken = tuple(sorted(Counter(bucket_of(0.2 * (rank / (1 - rank)) ** 0.22) for rank in ranks).items()))
    return ArmCounts(requests, failures, requests // 5, min(failures, requests // 5), spoken, spoken, spoken)


def window(
    number: int,
    candidate: ArmCounts | None = None,
    stable: ArmCounts | None = None,
    *readings: Reading,
    memory: Footprint | None = None,
) -> ReportWindow:
    """The ten seconds that end `number` times ten seconds after the first step began."""
    end_ms = BEGAN_MS + number * 10 * SECOND
    return ReportWindow(
        service=SERVICE,
        actor="observer",
        reason="measured",
        rollout="hibari-2",
        window=Window(end_ms - 10 * SECOND, end_ms, candidate or ArmCounts(), stable or ArmCounts()),
        memory=memory,
        readings=readings,
    )


def blind(number: int, why: str = "Prometheus is away") -> ReportWindow:
    """Ten seconds in which nothing could be measured."""
    return replace(window(number), blind=why)


def holding(plan: Plan) -> Given:
    """1.4.0 serves; 1.5.0 stands in the first step of a plan since BEGAN_MS."""
    return after(request("1.5.0", plan), ready("1.5.0"), past=installed())


def live(given: Given, *commands: ReportWindow) -> tuple[Given, tuple[AnyEvent, ...]]:
    """Take windows one after another, each when it ends, and return all that followed."""
    state, facts = given.state, []
    for command in commands:
        for event in decide(state, command, command.window.end_ms + SECOND):
            state = evolve(state, event)
            facts.append(event)
    return Given(state), tuple(facts)


def kinds(facts: tuple[AnyEvent, ...]) -> list[str]:
    """Name the facts, windows aside."""
    return [type(fact).__name__ for fact in facts if not isinstance(fact, WindowMeasured)]


def running(given: Given) -> Rollout:
    """The running rollout."""
    assert given.state.rollout is not None
    return given.state.rollout


def at_end(given: Given, number: int, kind: TimerKind = TimerKind.HOLD) -> tuple[Given, tuple[AnyEvent, ...]]:
    """Let a timer come due right behind window `number`."""
    facts = decide(given.state, elapsed(given, kind), BEGAN_MS + number * 10 * SECOND + SECOND)
    state = given.state
    for event in facts:
        state = evolve(state, event)
    return Given(state), facts


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
