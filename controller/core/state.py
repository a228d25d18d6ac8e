"""
What a service's history amounts to now, and what follows from it: its table, its timers, what must stay loaded.

`evolve` folds one fact into the state. Everything else here is derived, never stored twice.
"""

from dataclasses import dataclass, replace
from typing import Final, assert_never

from controller.core.commands import TimerKind
from controller.core.events import (
    AlertMatched,
    AlertNoted,
    AnyEvent,
    EndpointEjected,
    EndpointReadmitted,
    GateApproved,
    GateJudged,
    GateRejected,
    GuardWindowEnded,
    HoldExtended,
    MessageRejected,
    OrderRefused,
    PlanSet,
    PromotionReverted,
    QuarantineLifted,
    ReleaseDrained,
    ReleaseFailed,
    ReleaseQuarantined,
    ReleaseReady,
    ReleaseUnloaded,
    RequestRefused,
    RollbackMarked,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutSuperseded,
    RolloutWaiting,
    RouteApplied,
    RouterEnded,
    RouteSet,
    SceneDropped,
    SceneKept,
    ServiceRetired,
    StepStarted,
    WindowMeasured,
)
from controller.core.named import NamedPlan
from controller.core.names import Release
from controller.core.needs import Needs
from controller.core.past import Ended, Former, ended, former, succeeded, taken_back
from controller.core.plan import AlertPolicy, Plan
from controller.core.rollout import Approval, Phase, Rollout, Timer, asked_anew, judged, measured
from controller.core.routing import Arm, Role, RoutingTable, Segment


@dataclass(frozen=True, slots=True)
class Guard:
    """
    After a promotion: who can take all traffic back until the timer is due.

    rollout: which one that would revert. alerts: its plan's policy, which goes on to hold for the promoted release.
    endpoints: where `previous` lives, as `Arm` has them.
    """

    rollout: str
    previous: Release
    timer: Timer
    alerts: AlertPolicy
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """A release and the endpoints it lives on; none are those that each gateway and worker was given."""

    release: Release
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """
    One service. Counters (`rollouts`, `settings`) make names and timer epochs without chance or clock.

    stable_plan: the plan that made `stable` what it is. formers: what was stable before, newest first, as far as it is
    kept. last: how the latest rollout that is over ended. plans: its own, by the names that requests call them.
    stable_endpoints: where `stable` lives, as `Arm` has them. taken_back: rollouts that were taken back from users,
    oldest first, as far as they are kept.
    """

    service: str
    stable: Release | None = None
    guard: Guard | None = None
    rollout: Rollout | None = None
    quarantined: tuple[Release, ...] = ()
    epoch: int = 0
    salt: str = ""
    arms: tuple[Arm, ...] = ()
    segments: tuple[Segment, ...] = ()
    mirror_bp: int = 0
    rollouts: int = 0
    settings: int = 0
    stable_plan: Plan | None = None
    formers: tuple[Former, ...] = ()
    last: Ended | None = None
    plans: tuple[NamedPlan, ...] = ()
    stable_endpoints: tuple[str, ...] = ()
    taken_back: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Say whether anything was ever rolled out here."""
        return self.rollouts > 0

    def is_quarantined(self, digest: str) -> bool:
        """Say whether the release with this digest was taken back and not let in again."""
        return any(release.digest == digest for release in self.quarantined)


def table(state: State) -> RoutingTable:
    """Return the routing table that routers of this service must follow."""
    return RoutingTable(
        state.service, state.epoch, state.salt, state.arms, segments=state.segments, mirror_bp=state.mirror_bp
    )


def timers(state: State) -> tuple[Timer, ...]:
    """Return what this service waits for, at most one timer of each kind."""
    running = state.rollout.timer if state.rollout else None
    blind = state.rollout.blind_timer if state.rollout else None
    guarding = state.guard.timer if state.guard else None
    return tuple(timer for timer in (running, blind, guarding) if timer)


def wanted(state: State | Needs) -> tuple[Home, ...]:
    """Return what must be loaded and warm, and where: stable, candidate, and the previous one under guard."""
    homes = (
        Home(state.stable, state.stable_endpoints) if state.stable else None,
        Home(state.rollout.release, state.rollout.endpoints) if state.rollout else None,
        Home(state.guard.previous, state.guard.endpoints) if state.guard else None,
    )
    return tuple(dict.fromkeys(home for home in homes if home))


# Asked first: nearly every fact is of these, and to hold it against all others took longer than to decide it.
_QUIET: Final = (
    RequestRefused,
    OrderRefused,
    RollbackMarked,
    GateRejected,
    ReleaseFailed,
    ReleaseUnloaded,
    RouteApplied,
    ReleaseDrained,
    RouterEnded,
    EndpointEjected,
    EndpointReadmitted,
    AlertMatched,
    AlertNoted,
    SceneKept,
    SceneDropped,
    MessageRejected,
)


def evolve(state: State, event: AnyEvent, at_ms: int = 0) -> State:
    """
    Fold one fact into the state. Total: every fact that was ever written can be folded.

    at_ms: when it was decided, as `Fact.at_ms` says.
    """
    if isinstance(event, _QUIET):
        return state
    match event:
        case RolloutStarted():
            timer = Timer(TimerKind.READINESS, state.settings + 1, event.ready_by_ms)
            rollout = Rollout(
                event.rollout,
                event.release,
                event.from_release,
                event.plan,
                Phase.PREPARING,
                timer,
                back=event.back,
                endpoints=event.endpoints,
            )
            return replace(state, rollout=rollout, rollouts=state.rollouts + 1, settings=timer.epoch)
        case PlanSet():
            others = tuple(one for one in state.plans if one.name != event.name)
            own = NamedPlan(event.name, event.version, event.plan, event.actor, event.reason, at_ms)
            return replace(state, plans=(*others, own))
        case ReleaseReady():
            return _with_rollout(state, ready=True, timer=None)
        case StepStarted():
            timer = Timer(TimerKind.HOLD, state.settings + 1, event.due_ms)
            state = replace(state, settings=timer.epoch)
            return _with_rollout(
                state,
                phase=Phase.HOLDING,
                step=event.step,
                weight_bp=event.weight_bp,
                timer=timer,
                step_began_ms=event.began_ms,
                waiting="",
                judged=asked_anew(state.rollout) if state.rollout else (),
                approvals=(),
            )
        case RolloutWaiting():
            kind = TimerKind.HOLD if event.closed else TimerKind.DEADLINE
            due = Timer(kind, state.settings + 1, event.due_ms) if event.due_ms else None
            return _with_rollout(replace(state, settings=state.settings + 1), waiting=event.reason, timer=due)
        case WindowMeasured():
            return replace(state, rollout=measured(state.rollout, event)) if state.rollout else state
        case GateJudged():
            return replace(state, rollout=judged(state.rollout, event.gate, event.outcome)) if state.rollout else state
        case RolloutPaused():
            # A candidate that is still being prepared keeps its deadline; only a hold stops counting.
            preparing = state.rollout is not None and state.rollout.phase is Phase.PREPARING
            timer_left = state.rollout.timer if preparing and state.rollout else None
            return _with_rollout(state, paused=event.hold_left_ms, timer=timer_left)
        case RolloutResumed():
            if state.rollout is None or state.rollout.phase is Phase.PREPARING:
                return _with_rollout(state, paused=None)
            timer = Timer(TimerKind.HOLD, state.settings + 1, event.due_ms)
            return _with_rollout(replace(state, settings=timer.epoch), paused=None, timer=timer, waiting="")
        case HoldExtended():
            timer = Timer(TimerKind.HOLD, state.settings + 1, event.due_ms)
            return _with_rollout(replace(state, settings=timer.epoch), timer=timer)
        case GateApproved():
            approval = Approval(event.gate, event.step, event.actor)
            return _with_rollout(state, approvals=(*state.rollout.approvals, approval) if state.rollout else ())
        case RolloutPromoted():
            return _promoted(state, event, at_ms)
        case RolloutAborted() if state.rollout is not None and state.rollout.heard:
            back = taken_back(state.taken_back, event.rollout)
            return replace(state, rollout=None, last=ended(event, at_ms), taken_back=back)
        case RolloutAborted() | RolloutSuperseded():
            return replace(state, rollout=None, last=ended(event, at_ms))
        case PromotionReverted():
            before = former(state.formers, event.back_to)
            return replace(
                state,
                stable=event.back_to,
                guard=None,
                stable_plan=before.plan if before else None,
                stable_endpoints=state.guard.endpoints if state.guard else (),
                formers=succeeded(state.formers, None, event.back_to),
                last=Ended(event.rollout, f"was promoted, and {event.release.version} taken back", event.actor, at_ms),
                taken_back=taken_back(state.taken_back, event.rollout),
            )
        case ServiceRetired():
            return replace(
                state, stable=None, guard=None, rollout=None, stable_plan=None, stable_endpoints=(), formers=()
            )
        case GuardWindowEnded():
            return replace(state, guard=None)
        case ReleaseQuarantined():
            return replace(state, quarantined=(*state.quarantined, event.release))
        case QuarantineLifted():
            left = tuple(release for release in state.quarantined if release.digest != event.digest)
            return replace(state, quarantined=left)
        case RouteSet():
            shares_bp = [arm.weight_bp for arm in event.arms if arm.role is Role.CANDIDATE]
            if any(share_bp > 0 for share_bp in (*shares_bp, *(segment.weight_bp for segment in event.segments))):
                state = _with_rollout(state, heard=True)
            return replace(
                state,
                epoch=event.epoch,
                salt=event.salt,
                arms=event.arms,
                segments=event.segments,
                mirror_bp=event.mirror_bp,
            )
    assert_never(event)


def _promoted(state: State, event: RolloutPromoted, at_ms: int) -> State:
    rollout, guard, settings, old = state.rollout, state.guard, state.settings, None
    plan = rollout.plan if rollout else Plan()
    if event.previous is not None:
        settings += 1
        timer = Timer(TimerKind.GUARD, settings, event.guard_until_ms)
        guard = Guard(event.rollout, event.previous, timer, plan.alerts, state.stable_endpoints)
        old = Former(event.previous, state.stable_plan or Plan(), at_ms, state.stable_endpoints)
    # Who comes back keeps the plan that had made it stable first: the way back had none worth walking again.
    before = former(state.formers, event.release) if rollout and rollout.back else None
    return replace(
        state,
        stable=event.release,
        guard=guard,
        rollout=None,
        settings=settings,
        stable_plan=before.plan if before else plan,
        stable_endpoints=rollout.endpoints if rollout else (),
        formers=succeeded(state.formers, old, event.release),
        last=ended(event, at_ms),
        # Whoever goes back to an older release takes the newer one back, and may say afterwards that it was no fault.
        taken_back=taken_back(state.taken_back, event.rollout) if rollout and rollout.back else state.taken_back,
    )


def _with_rollout(state: State, **changes: object) -> State:
    if state.rollout is None:
        return state
    return replace(state, rollout=replace(state.rollout, **changes))  # type: ignore[arg-type]  # replace checks names at run time; its stub cannot see ours
