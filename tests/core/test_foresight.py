"""What is told of a plan beforehand is what the walk then does."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.core.calendar import Hours, longest_closed_s
from controller.core.commands import TimerKind
from controller.core.decide import decide
from controller.core.evidence.rules import Metric, Rules
from controller.core.foresight import foresee, remarks
from controller.core.gates import Gate, GateKind
from controller.core.plan import NAMED_PLANS, WATCHED, OnInconclusive, Plan, Step, Until
from controller.core.routing import Segment
from controller.core.state import State, evolve, timers
from tests.core.watching import BEGAN_MS, holding
from tests.spec import SERVICE, Given, elapsed

CAREFUL = NAMED_PLANS["careful"]
DAY_S = 86_400


def let_it_run(plan: Plan) -> float:
    """Let each timer come due when it is due until no rollout runs, with nothing measured; return the seconds."""
    state: State = holding(plan).state
    now_ms = BEGAN_MS
    while state.rollout is not None:
        timer = next(one for one in timers(state) if one.kind in (TimerKind.HOLD, TimerKind.DEADLINE))
        now_ms = timer.due_ms
        for event in decide(state, elapsed(Given(state), timer.kind), now_ms):
            state = evolve(state, event)
    assert state.service == SERVICE
    return (now_ms - BEGAN_MS) / 1000


class TestTimes:
    def test_careful_takes_a_day_and_a_little_and_has_an_end(self) -> None:
        """The default takes its holds at least; with a day of grace behind each of them it ends."""
        said = foresee(CAREFUL)
        assert said.shortest_s == 600 + DAY_S
        assert said.longest_s == 600 + (600 + DAY_S) + (DAY_S + DAY_S)
        assert [leg.waits for leg in said.legs] == [True, True]

    @given(st.lists(st.integers(1, 10_000), min_size=1, max_size=5))
    def test_a_walk_by_the_clock_takes_its_shortest_time(self, holds: list[int]) -> None:
        """Without gates nothing is waited for: the walk takes the sum of its holds, to the second."""
        plan = Plan("clock", tuple(Step(500, hold_s) for hold_s in holds))
        assert let_it_run(plan) == foresee(plan).shortest_s == (foresee(plan).longest_s or 0) - 600

    @given(st.integers(1, 3000), st.integers(0, 5000).map(lambda extra: extra / 2))
    def test_a_step_that_waits_ends_at_its_longest(self, hold_s: int, more_s: float) -> None:
        """A step whose evidence never comes ends at its ceiling, or a progress deadline after its hold."""
        for step in (Step(500, hold_s), Step(500, hold_s, Until.EVIDENCE, ceiling_s=hold_s + more_s + 1)):
            plan = Plan("watched", (step,), gates=WATCHED, progress_deadline_s=3600)
            assert let_it_run(plan) == foresee(plan).legs[0].longest_s

    def test_a_step_takes_its_warm_up_at_least(self) -> None:
        """Where evidence watches, a step whose warm-up outlasts its hold is not passed before it is warm."""
        steps = (Step(500, 60, warm_up_s=120), Step(5000, 60, warm_up_s=30))
        assert foresee(Plan("warm", steps, gates=WATCHED)).shortest_s == 180
        assert foresee(Plan("clock", steps)).shortest_s == 120

    def test_a_plan_that_does_not_wait_ends_with_its_hold(self) -> None:
        """With on_inconclusive rollback nothing is waited for."""
        plan = Plan("curt", (Step(500, 60),), gates=WATCHED, on_inconclusive=OnInconclusive.ROLLBACK)
        assert let_it_run(plan) == foresee(plan).legs[0].longest_s == 60

    def test_without_a_deadline_there_is_no_longest(self) -> None:
        """A plan that waits for ever says so."""
        said = foresee(replace(CAREFUL, progress_deadline_s=0))
        assert said.longest_s is None
        assert said.watched_s == (DAY_S, None)

    def test_closed_hours_count(self) -> None:
        """A plan that widens from Monday to Thursday may wait from Thursday evening to Monday morning."""
        hours = (Hours(("mon", "tue", "wed", "thu"), 9 * 60, 17 * 60, "Europe/Berlin"),)
        assert longest_closed_s(hours) == (7 + 3 * 24 + 9) * 3600
        plan = Plan("office", (Step(500, 60),), hours=hours)
        assert foresee(plan).legs[0].longest_s == 60 + (7 + 3 * 24 + 9) * 3600
        assert longest_closed_s(()) == 0


class TestErrors:
    def test_alpha_is_paid_for_each_day_that_begins(self) -> None:
        """Two days of watching at 0.001 a day: at most 0.002, by the union bound."""
        assert foresee(CAREFUL).false_rollback == 2 * 0.001
        short = Plan("short", (Step(500, 600, ceiling_s=1200),), gates=WATCHED)
        assert foresee(short).false_rollback == 0.001

    def test_watching_begins_with_the_first_word_the_candidate_speaks(self) -> None:
        """Hours in which only testers hear it are not watched; those of a mirror are."""
        quiet, mirrored = Step(0, DAY_S), Step(0, DAY_S, mirror_bp=1000)
        assert foresee(Plan("a", (quiet, Step(500, 60)), gates=WATCHED)).watched_s[0] == 60
        assert foresee(Plan("b", (quiet, mirrored, Step(500, 60)), gates=WATCHED)).watched_s[0] == DAY_S + 60

    def test_who_takes_nothing_back_by_evidence_does_not_err_by_it(self) -> None:
        """Without an evidence gate, or with one on trial only, there is no such probability to tell."""
        assert foresee(Plan("none", (Step(500, 60),))).false_rollback is None
        trial = Gate("evidence", GateKind.EVIDENCE, dry_run=True)
        assert foresee(Plan("trial", (Step(500, 60),), gates=(trial,))).false_rollback is None

    def test_a_probability_is_never_above_one(self) -> None:
        """However long it watches."""
        rules = Rules((Metric.ERRORS,), alpha=0.1)
        plan = Plan("long", (Step(500, 30 * DAY_S),), gates=WATCHED, rules=rules)
        assert foresee(plan).false_rollback == 1.0


class TestRemarks:
    def test_the_default_surprises_nobody(self) -> None:
        """There is nothing to be said against the careful plan."""
        assert remarks(CAREFUL) == ()

    def test_what_is_left_unwatched_is_said(self) -> None:
        """A plan by the clock is told that only alerts and people take a release back."""
        said = " ".join(remarks(Plan("clock", (Step(500, 60), Step(10_000, 60)), guard_s=0, quarantine=False)))
        for word in ("kind evidence", "kind memory", "all traffic", "guard window", "not barred"):
            assert word in said

    def test_who_hears_it_last_is_said(self) -> None:
        """A segment that is excluded up to the end meets the candidate when everybody does."""
        vip = Segment("vip", (("tier", "vip"),), 0)
        assert "segment vip" in " ".join(remarks(replace(CAREFUL, steps=(Step(500, 60, segments=(vip,)),))))
        last = Step(500, 60)
        assert remarks(replace(CAREFUL, steps=(Step(500, 60, segments=(vip,)), last))) == ()
