"""Laws of a walk: whatever windows, due timers and orders it meets, and in whatever order, these hold."""

from hypothesis import given, settings

from controller.core.commands import AnyCommand, ApproveGate, ElapseTimer, ReportAlert, ReportWindow, RollBack
from controller.core.draft import Draft
from controller.core.events import AnyEvent, RolloutAborted, RolloutPromoted, StepStarted, WindowMeasured
from controller.core.evidence.sight import FROZEN_AFTER_MS
from controller.core.gate import Outcome
from controller.core.judging import judge
from controller.core.names import FULL_BP
from controller.core.past import KEPT_FORMERS
from controller.core.rollout import Phase, Rollout
from controller.core.routing import Role
from controller.core.state import Home, State, wanted
from controller.core.stream import ENDINGS, Fact, begin, fold, pass_over
from controller.wire.codec import state_json
from tests.core.walking import MOVES, Aim, walk
from tests.spec import SERVICE


@settings(max_examples=200)
@given(MOVES)
def test_table_follows_from_the_state(moves: list[tuple[Aim, int]]) -> None:
    """After every decision the table is what the state asks for, it sums to everything, and all of it is wanted."""

    def law(before: State, command: AnyCommand, events: tuple[AnyEvent, ...], state: State, now_ms: int) -> None:
        draft = Draft(state, "law", "asks again", now_ms)
        draft.set_route("the same again")
        # Who is ready while the rollout is paused enters the table with its first step, or with whatever changes it.
        begins = state.rollout is not None and state.rollout.ready and state.rollout.step < 0
        assert begins or draft.events == ()
        assert sum(arm.weight_bp for arm in state.arms) == (FULL_BP if state.stable else 0)
        assert {Home(arm.release, arm.endpoints) for arm in state.arms} <= set(wanted(state))
        candidate = next((arm for arm in state.arms if arm.role is Role.CANDIDATE), None)
        assert (candidate.weight_bp if candidate else 0) == (state.rollout.weight_bp if state.rollout else 0)

    walk(moves, law)


@settings(max_examples=200)
@given(MOVES)
def test_no_rollout_is_left_without_a_clock(moves: list[tuple[Aim, int]]) -> None:
    """A rollout that neither stands still by order nor waits for ever by its plan has something that comes due."""

    def law(before: State, command: AnyCommand, events: tuple[AnyEvent, ...], state: State, now_ms: int) -> None:
        rollout = state.rollout
        if rollout is None or rollout.paused is not None or rollout.timer is not None:
            return
        assert rollout.phase is Phase.HOLDING
        assert rollout.waiting
        assert rollout.plan.progress_deadline_s == 0

    walk(moves, law)


@settings(max_examples=200)
@given(MOVES)
def test_what_speaks_against_a_candidate_ends_its_rollout(moves: list[tuple[Aim, int]]) -> None:
    """No rollback alert and no failing gate finds a state in which it is not obeyed; who is condemned stays away."""

    def law(before: State, command: AnyCommand, events: tuple[AnyEvent, ...], state: State, now_ms: int) -> None:
        running = before.rollout
        if isinstance(command, ReportAlert) and running and command.release and "action" not in command.labels:
            about_it = running.release.answers_to(command.release)
            assert not about_it or state.rollout is None
        if isinstance(command, RollBack) and not command.to and running:
            assert state.rollout is None
        assert not _failing(state.rollout)
        assert not any(state.is_quarantined(home.release.digest) for home in wanted(state))
        ended = [event for event in events if isinstance(event, RolloutAborted)]
        assert not ended or state.rollout is None

    walk(moves, law)


@settings(max_examples=200)
@given(MOVES)
def test_no_step_forward_without_news(moves: list[tuple[Aim, int]]) -> None:
    """What goes on by itself was measured lately, and each of its gates has lately said that it may."""

    def law(before: State, command: AnyCommand, events: tuple[AnyEvent, ...], state: State, now_ms: int) -> None:
        rollout = before.rollout
        assert state.rollout is None or state.rollout.seen_ms <= now_ms + FROZEN_AFTER_MS
        if not isinstance(command, ElapseTimer | ReportWindow | ApproveGate) or rollout is None or rollout.step < 0:
            return
        forward = [
            event
            for event in events
            if isinstance(event, RolloutPromoted) or (isinstance(event, StepStarted) and event.step > rollout.step)
        ]
        if not forward:
            return
        if isinstance(command, ReportWindow):
            return
        if rollout.plan.by_evidence:
            assert now_ms - rollout.seen_ms <= FROZEN_AFTER_MS
        for gate in rollout.plan.gates_at(rollout.step):
            standing = rollout.standing(gate)
            if gate.is_read and not gate.dry_run:
                assert standing is not None
                assert now_ms - standing.at_ms <= rollout.plan.rules.missing_after_s * 1000

    walk(moves, law)


@settings(max_examples=100)
@given(MOVES)
def test_state_stays_small(moves: list[tuple[Aim, int]]) -> None:
    """Nothing is kept twice, and what is kept of the past is bounded."""

    def law(before: State, command: AnyCommand, events: tuple[AnyEvent, ...], state: State, now_ms: int) -> None:
        digests = [one.digest for one in state.quarantined]
        assert len(set(digests)) == len(digests)
        assert len(state.formers) <= KEPT_FORMERS
        rollout = state.rollout
        if rollout is not None:
            assert len(rollout.standings) <= len(rollout.plan.gates)
            assert len(rollout.judged) <= len(rollout.plan.gates) + 1
            assert len(rollout.approvals) <= len(rollout.plan.gates)

    walk(moves, law)


def _failing(rollout: Rollout | None) -> list[str]:
    if rollout is None or rollout.phase is Phase.PREPARING:
        return []
    return [gate.name for gate in rollout.gates if not gate.dry_run and judge(rollout, gate).outcome is Outcome.FAIL]


@settings(max_examples=200)
@given(MOVES)
def test_nothing_is_left_of_what_was_measured_of_a_rollout_that_is_over(moves: list[tuple[Aim, int]]) -> None:
    """Passing over windows before the last fact that began or ended a rollout gives the same state, byte for byte."""
    facts: list[Fact] = []

    def law(before: State, command: AnyCommand, events: tuple[AnyEvent, ...], state: State, now_ms: int) -> None:
        facts.extend(Fact(SERVICE, number, now_ms, "", event) for number, event in enumerate(events, len(facts) + 1))

    walk(moves, law)
    ending = max((fact.position for fact in facts if isinstance(fact.event, ENDINGS)), default=0)
    history = begin(SERVICE)
    for fact in facts:
        passed = fact.position < ending and isinstance(fact.event, WindowMeasured)
        history = pass_over(history, fact.position, fact.at_ms) if passed else fold(history, [fact])
    assert state_json(history.state) == state_json(fold(begin(SERVICE), facts).state)
