"""
What one message means for one service: (state, command, now) to new facts.

Rollback stands first in every branch where it can occur. `()` means quiet: the message changes nothing.
A rollout's facts are built on a `Draft`, which folds each as it is added, so that later ones see earlier ones.
"""

from typing import assert_never

from controller.core.alerting import take_alert
from controller.core.commands import (
    AnyCommand,
    ElapseTimer,
    Order,
    RejectMessage,
    ReportAlert,
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
    ReportWindow,
    RequestRollout,
    SetPlan,
    TimerKind,
)
from controller.core.draft import Draft, Said
from controller.core.endpoints import ejected, readmitted
from controller.core.events import (
    AnyEvent,
    GuardWindowEnded,
    MessageRejected,
    ReleaseDrained,
    ReleaseFailed,
    ReleaseReady,
    ReleaseUnloaded,
    RouteApplied,
    RouterEnded,
    SceneDropped,
    SceneKept,
    Trigger,
)
from controller.core.orders import obey
from controller.core.planning import set_plan
from controller.core.requesting import take_request
from controller.core.state import State, timers
from controller.core.walk import blind, deadline, hold_ended, measure


def decide(state: State, command: AnyCommand, now_ms: int) -> tuple[AnyEvent, ...]:
    """Return the facts that follow from a command; `()` when it changes nothing."""
    draft = Draft(state, command.actor, command.reason, now_ms)
    match command:
        case ReportAlert():
            take_alert(draft, command)
        case Order():
            obey(draft, command)
        case ReportReleaseFailed():
            _release_failed(draft, command)
        case RequestRollout():
            take_request(draft, command)
        case SetPlan():
            set_plan(draft, command)
        case ReportReleaseReady():
            _release_ready(draft, command)
        case ReportReleaseUnloaded():
            draft.add(ReleaseUnloaded(**draft.said(), ensemble=command.ensemble))
        case ReportRouteApplied():
            _route_applied(draft, command)
        case ReportReleaseDrained():
            draft.add(
                ReleaseDrained(**draft.said(), ensemble=command.ensemble, router=command.router, epoch=command.epoch)
            )
        case ReportRouterEnded():
            draft.add(RouterEnded(**draft.said(), router=command.router))
        case ReportEndpointEjected():
            ejected(draft, command)
        case ReportEndpointReadmitted():
            readmitted(draft, command)
        case ReportWindow():
            measure(draft, command)
        case ReportSceneKept():
            draft.add(
                SceneKept(
                    **draft.said(rollout=command.rollout),
                    place=command.place,
                    manifest_sha256=command.manifest_sha256,
                    size_bytes=command.size_bytes,
                )
            )
        case ReportSceneDropped():
            draft.add(SceneDropped(**draft.said(rollout=command.rollout), place=command.place))
        case ElapseTimer():
            _elapse(draft, command)
        case RejectMessage():
            draft.add(
                MessageRejected(
                    **draft.said(),
                    topic=command.topic,
                    partition=command.partition,
                    offset=command.offset,
                    letter=command.letter,
                )
            )
        case _:
            assert_never(command)
    return draft.events


def _release_failed(draft: Draft, command: ReportReleaseFailed) -> None:
    rollout, guard, stable = draft.state.rollout, draft.state.guard, draft.state.stable
    late = rollout is None or not _about(command, rollout.id) or (command.unknown and rollout.ready)
    if rollout is not None and not late and rollout.release.ensemble == command.ensemble:
        draft.add(_failed(command, draft.said()))
        return draft.abort(Trigger.RELEASE_UNKNOWN if command.unknown else Trigger.RELEASE_FAILED, command.reason)
    here = guard is not None and _about(command, guard.rollout)
    # One that was promoted was known once: whoever knows it no longer looks in the wrong place, and it speaks on.
    if (
        guard is not None
        and here
        and not command.unknown
        and stable is not None
        and stable.ensemble == command.ensemble
    ):
        draft.add(_failed(command, draft.said(rollout=guard.rollout)))
        return draft.revert(Trigger.RELEASE_FAILED, command.reason)
    return draft.add(_failed(command, draft.said(rollout="")))


def _about(report: ReportReleaseFailed | ReportReleaseReady, rollout: str) -> bool:
    """Say whether a report speaks of this rollout, and not, late, of one before it with the same release."""
    return report.rollout in ("", rollout)


def _failed(command: ReportReleaseFailed, said: Said) -> ReleaseFailed:
    return ReleaseFailed(**said, ensemble=command.ensemble, unknown=command.unknown)


def _release_ready(draft: Draft, command: ReportReleaseReady) -> None:
    rollout = draft.state.rollout
    if rollout is None or rollout.release.ensemble != command.ensemble or rollout.ready:
        return
    if not _about(command, rollout.id):
        return
    draft.add(
        ReleaseReady(
            **draft.said(),
            release=rollout.release,
            load_s=command.load_s,
            probe_latency_s=command.probe_latency_s,
            probe_audio_s=command.probe_audio_s,
        )
    )
    if rollout.paused is None:
        first = "it is the first release of the service and its probe spoke"
        draft.enter_next_step(first if draft.state.stable is None else "the release is loaded and its probe spoke")


def _route_applied(draft: Draft, command: ReportRouteApplied) -> None:
    draft.add(
        RouteApplied(
            **draft.said(),
            router=command.router,
            epoch=command.epoch,
            applied_at_ms=command.applied_at_ms,
            speaking=command.speaking,
        )
    )


def _elapse(draft: Draft, command: ElapseTimer) -> None:
    current = {(timer.kind, timer.epoch) for timer in timers(draft.state)}
    if (command.kind, command.epoch) not in current:
        return
    match command.kind:
        case TimerKind.READINESS:
            draft.abort(Trigger.READINESS_DEADLINE, "the release was not ready within its readiness deadline")
        case TimerKind.HOLD:
            hold_ended(draft)
        case TimerKind.DEADLINE:
            deadline(draft)
        case TimerKind.BLIND:
            blind(draft)
        case TimerKind.GUARD:
            guard = draft.state.guard
            assert guard is not None
            draft.add(
                GuardWindowEnded(
                    **draft.said(
                        f"nothing spoke against release {_version(draft.state)} in its guard window", guard.rollout
                    ),
                    release=guard.previous,
                )
            )
            draft.set_route("the guard window ended")
        case _:
            assert_never(command.kind)


def _version(state: State) -> str:
    return state.stable.version if state.stable else "none"
