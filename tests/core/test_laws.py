"""Laws that hold for every history, however its messages fall."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.commands import (
    AdvanceRollout,
    AnyCommand,
    ApproveGate,
    ElapseTimer,
    ExtendHold,
    MarkRollback,
    OverrideQuarantine,
    PauseRollout,
    PromoteRollout,
    RejectGate,
    RejectMessage,
    ReportEndpointEjected,
    ReportEndpointReadmitted,
    ReportReleaseDrained,
    ReportReleaseFailed,
    ReportReleaseReady,
    ReportReleaseUnloaded,
    ReportRouteApplied,
    ReportRouterEnded,
    ReportSceneDropped,
    ReportSceneKept,
    ResumeRollout,
    RetireService,
    RollBack,
    SetPlan,
    TimerKind,
)
from controller.core.decide import decide
from controller.core.draft import Draft
from controller.core.events import ReleaseQuarantined, RouteSet, ServiceRetired
from controller.core.gates import Gate, GateKind
from controller.core.names import FULL_BP
from controller.core.plan import Plan, Step
from controller.core.routing import EndpointFault, Role
from controller.core.state import Home, table, timers, wanted
from controller.core.stream import Fact, History, begin, fold, react
from tests.spec import SAID, SERVICE, alert, release, request

VERSIONS = st.sampled_from(["1.4.0", "1.5.0", "1.6.0", "1.7.0"])
ENSEMBLES = VERSIONS.map(lambda version: f"hibari__{version}")
ROLLOUTS = st.sampled_from(["", "hibari-1", "hibari-2"])
APPROVED = Plan(
    "approved", (Step(500, 10, gates=("ear",)), Step(5000, 20)), guard_s=300, gates=(Gate("ear", GateKind.APPROVAL),)
)

COMMANDS: st.SearchStrategy[AnyCommand] = st.one_of(
    VERSIONS.map(request),
    VERSIONS.map(lambda version: request(version, APPROVED)),
    st.builds(request, VERSIONS, st.sampled_from(["evening", "quick"])),
    st.sampled_from([Plan(), APPROVED]).map(lambda plan: SetPlan(service=SERVICE, **SAID, name="evening", plan=plan)),
    st.builds(
        lambda ensemble, rollout: ReportReleaseReady(
            service=SERVICE,
            **SAID,
            ensemble=ensemble,
            rollout=rollout,
            load_s=1.0,
            probe_latency_s=0.1,
            probe_audio_s=1.0,
        ),
        ENSEMBLES,
        ROLLOUTS,
    ),
    st.builds(
        lambda ensemble, unknown, rollout: ReportReleaseFailed(
            service=SERVICE, **SAID, ensemble=ensemble, unknown=unknown, rollout=rollout
        ),
        ENSEMBLES,
        st.booleans(),
        ROLLOUTS,
    ),
    ENSEMBLES.map(lambda ensemble: ReportReleaseUnloaded(service=SERVICE, **SAID, ensemble=ensemble)),
    st.builds(
        lambda ensemble, fault, probed, all_gone, others_speak: ReportEndpointEjected(
            service=SERVICE,
            **SAID,
            ensemble=ensemble,
            endpoint="triton:8000",
            router="gateway@a",
            consecutive=5,
            fault=fault,
            probed=probed,
            all_gone=all_gone,
            others_speak=others_speak,
        ),
        ENSEMBLES,
        st.sampled_from(EndpointFault),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    ENSEMBLES.map(
        lambda ensemble: ReportEndpointReadmitted(
            service=SERVICE, **SAID, ensemble=ensemble, endpoint="triton:8000", router="gateway@a", consecutive=6
        )
    ),
    st.builds(lambda rollout: PauseRollout(service=SERVICE, **SAID, rollout=rollout), ROLLOUTS),
    st.builds(lambda rollout: ResumeRollout(service=SERVICE, **SAID, rollout=rollout), ROLLOUTS),
    st.builds(lambda rollout: PromoteRollout(service=SERVICE, **SAID, rollout=rollout), ROLLOUTS),
    st.builds(lambda rollout: RollBack(service=SERVICE, **SAID, rollout=rollout), ROLLOUTS),
    VERSIONS.map(lambda version: RollBack(service=SERVICE, **SAID, to=version)),
    st.sampled_from(
        [
            AdvanceRollout(service=SERVICE, **SAID),
            ExtendHold(service=SERVICE, **SAID, by_s=5),
            ApproveGate(service=SERVICE, **SAID, gate="ear"),
            RejectGate(service=SERVICE, **SAID, gate="ear"),
            RetireService(service=SERVICE, **SAID),
        ]
    ),
    VERSIONS.map(lambda version: OverrideQuarantine(service=SERVICE, **SAID, digest=release(version).digest)),
    st.builds(
        lambda rollout, false: MarkRollback(service=SERVICE, **SAID, rollout=rollout, false_alarm=false),
        ROLLOUTS,
        st.booleans(),
    ),
    st.builds(
        lambda version, firing, severity: alert(version, firing=firing, severity=severity),
        st.sampled_from(["", "1.4.0", "1.5.0", "1.6.0"]),
        st.booleans(),
        st.sampled_from(["critical", "warning"]),
    ),
    st.builds(
        lambda kind, epoch: ElapseTimer(service=SERVICE, **SAID, kind=kind, epoch=epoch),
        st.sampled_from(TimerKind),
        st.integers(1, 9),
    ),
    st.builds(
        lambda epoch, speaking: ReportRouteApplied(
            service=SERVICE, **SAID, router="gw-1", epoch=epoch, applied_at_ms=5, speaking=speaking
        ),
        st.integers(1, 9),
        st.none() | st.lists(ENSEMBLES, unique=True).map(tuple),
    ),
    st.builds(
        lambda ensemble, epoch: ReportReleaseDrained(
            service=SERVICE, **SAID, ensemble=ensemble, router="gw-1", epoch=epoch
        ),
        ENSEMBLES,
        st.integers(1, 9),
    ),
    st.just(ReportRouterEnded(service=SERVICE, **SAID, router="gw-1")),
    ROLLOUTS.map(
        lambda rollout: ReportSceneKept(
            service=SERVICE, **SAID, rollout=rollout, place="/x", manifest_sha256="ab" * 32, size_bytes=7
        )
    ),
    ROLLOUTS.map(lambda rollout: ReportSceneDropped(service=SERVICE, **SAID, rollout=rollout, place="/x")),
    st.just(RejectMessage(service=SERVICE, **SAID, topic="alerts.received", partition=0, offset=7, letter="x")),
)
MESSAGES = st.lists(st.tuples(COMMANDS, st.integers(0, 100_000)), max_size=40)


def live(messages: Sequence[tuple[AnyCommand, int]]) -> tuple[History, tuple[Fact, ...]]:
    """Decide messages one after another, each at its own time."""
    history = begin(SERVICE)
    facts: tuple[Fact, ...] = ()
    for number, (command, sent_ms) in enumerate(messages):
        new = react(history, command, f"m{number}", sent_ms)
        history, facts = fold(history, new), (*facts, *new)
    return history, facts


@given(MESSAGES)
def test_weights_always_sum_to_everything(messages: list[tuple[AnyCommand, int]]) -> None:
    """Whatever happens, the arms' weights sum to 10000; only a service that is retired stops having arms."""
    _, facts = live(messages)
    for before, fact in pairwise(facts):
        if isinstance(fact.event, RouteSet):
            total_bp = 0 if isinstance(before.event, ServiceRetired) else FULL_BP
            assert sum(arm.weight_bp for arm in fact.event.arms) == total_bp


@given(MESSAGES)
def test_a_decision_sees_what_replay_will_see(messages: list[tuple[AnyCommand, int]]) -> None:
    """Facts are folded alike while they are decided and when they are read again, times included."""
    history = begin(SERVICE)
    for number, (command, sent_ms) in enumerate(messages):
        at_ms = max(sent_ms, history.at_ms)
        draft = Draft(history.state, command.actor, command.reason, at_ms)
        for event in decide(history.state, command, at_ms):
            draft.add(event)
        history = fold(history, react(history, command, f"m{number}", sent_ms))
        assert draft.state == history.state


@given(MESSAGES)
def test_epochs_count_up_by_one(messages: list[tuple[AnyCommand, int]]) -> None:
    """Each new route has the next epoch, so a router can refuse whatever is older."""
    _, facts = live(messages)
    epochs = [fact.event.epoch for fact in facts if isinstance(fact.event, RouteSet)]
    assert epochs == list(range(1, len(epochs) + 1))


@given(MESSAGES)
def test_replaying_a_prefix_then_the_rest_is_replaying_all(messages: list[tuple[AnyCommand, int]]) -> None:
    """Folding facts gives the state that was decided on, wherever the fold is interrupted."""
    history, facts = live(messages)
    for cut in range(len(facts) + 1):
        assert fold(fold(begin(SERVICE), facts[:cut]), facts[cut:]) == history


@given(MESSAGES)
def test_same_messages_give_the_same_facts(messages: list[tuple[AnyCommand, int]]) -> None:
    """A decision depends on messages alone."""
    assert live(messages) == live(messages)


@given(MESSAGES)
def test_time_never_runs_backwards_in_a_stream(messages: list[tuple[AnyCommand, int]]) -> None:
    """Facts of one stream are ordered by time too, though topics disagree about the hour."""
    _, facts = live(messages)
    times = [fact.at_ms for fact in facts]
    assert times == sorted(times)


@settings(max_examples=300)
@given(MESSAGES)
def test_condemned_releases_stay_without_traffic(messages: list[tuple[AnyCommand, int]]) -> None:
    """Once taken back, a release never serves again unless somebody overrides its quarantine."""
    history, condemned = begin(SERVICE), set[str]()
    for number, (command, sent_ms) in enumerate(messages):
        new = react(history, command, f"m{number}", sent_ms)
        history = fold(history, new)
        if isinstance(command, OverrideQuarantine):
            condemned.discard(command.digest)
        condemned |= {fact.event.release.digest for fact in new if isinstance(fact.event, ReleaseQuarantined)}
        assert not condemned & {arm.release.digest for arm in history.state.arms}


@given(MESSAGES)
def test_whoever_has_traffic_is_wanted(messages: list[tuple[AnyCommand, int]]) -> None:
    """Each arm of the table must stay loaded where it lives, the previous stable on guard included."""
    history, _ = live(messages)
    assert {Home(arm.release, arm.endpoints) for arm in table(history.state).arms} <= set(wanted(history.state))


@given(MESSAGES)
def test_candidate_is_never_its_own_stable(messages: list[tuple[AnyCommand, int]]) -> None:
    """The table has one stable arm when it has any, and the candidate is another release."""
    history, _ = live(messages)
    routes = table(history.state)
    if routes.arms:
        assert [arm.role for arm in routes.arms].count(Role.STABLE) == 1
        stable, candidate = routes.arm(Role.STABLE), routes.arm(Role.CANDIDATE)
        assert stable is not None
        assert candidate is None or candidate.release.digest != stable.release.digest


@given(MESSAGES)
def test_a_fired_timer_does_not_wait_again(messages: list[tuple[AnyCommand, int]]) -> None:
    """Firing a timer uses it up: the same firing again adds nothing."""
    history, _ = live(messages)
    for timer in timers(history.state):
        firing = ElapseTimer(service=SERVICE, **SAID, kind=timer.kind, epoch=timer.epoch)
        once = fold(history, react(history, firing, "t", timer.due_ms))
        assert react(once, firing, "t", timer.due_ms) == ()


@given(MESSAGES)
def test_every_fact_names_who_why_and_what_caused_it(messages: list[tuple[AnyCommand, int]]) -> None:
    """No fact is anonymous, unexplained or uncaused; those about a rollout name it."""
    _, facts = live(messages)
    for fact in facts:
        assert fact.event.actor
        assert fact.event.reason
        assert fact.cause
        if type(fact.event).__name__.startswith(("Rollout", "Step", "Release")) and "release" in dir(fact.event):
            assert fact.event.rollout.startswith("hibari-")
