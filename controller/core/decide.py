"""
What one message means for one service: (state, command, now) to new facts.

Rollback stands first in every branch where it can occur. `()` means quiet: the message changes nothing.
A rollout's facts are built on a `Draft`, which folds each as it is added, so that later ones see earlier ones.
"""

from typing import assert_never

from controller.core.commands import (
    AnyCommand,
    ElapseTimer,
    Order,
    RejectMessage,
    ReportAlert,
    ReportReleaseFailed,
    ReportReleaseReady,
    ReportReleaseUnloaded,
    ReportRouteApplied,
    ReportWindow,
    RequestRollout,
    SetPlan,
    TimerKind,
)
from controller.core.draft import Draft, Said
from controller.core.events import (
    AlertMatched,
    AlertNoted,
    AnyEvent,
    GuardWindowEnded,
    MessageRejected,
    ReleaseFailed,
    ReleaseReady,
    ReleaseUnloaded,
    RequestRefused,
    RolloutStarted,
    RolloutSuperseded,
    RouteApplied,
    Trigger,
)
from controller.core.named import find_plan, names
from controller.core.orders import obey, pause
from controller.core.plan import AlertAction, AlertPolicy
from controller.core.planning import set_plan
from controller.core.state import State, timers
from controller.core.walk import blind, deadline, hold_ended, measure


def decide(state: State, command: AnyCommand, now_ms: int) -> tuple[AnyEvent, ...]:
    """Return the facts that follow from a command; `()` when it changes nothing."""
    draft = Draft(state, command.actor, command.reason, now_ms)
    match command:
        case ReportAlert():
            _alert(draft, command)
        case Order():
            obey(draft, command)
        case ReportReleaseFailed():
            _release_failed(draft, command)
        case RequestRollout():
            _request(draft, command)
        case SetPlan():
            set_plan(draft, command)
        case ReportReleaseReady():
            _release_ready(draft, command)
        case ReportReleaseUnloaded():
            draft.add(ReleaseUnloaded(**draft.said(), ensemble=command.ensemble))
        case ReportRouteApplied():
            _route_applied(draft, command)
        case ReportWindow():
            measure(draft, command)
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


def _alert(draft: Draft, alert: ReportAlert) -> None:
    state = draft.state
    if not alert.firing:
        # Never a way back up: a resolved alert only says that taking the release away worked.
        return _note(draft, alert, f"alert {alert.alertname} is resolved; that never sends traffic back to a release")
    if not state.known:
        return _note(draft, alert, f"nothing was ever rolled out for a service named {state.service}")
    rollout, guard = state.rollout, state.guard
    policy = rollout.plan.alerts if rollout else guard.alerts if guard else AlertPolicy()
    action = policy.action_for(alert.labels)
    # While somebody goes back, an alert that names nobody is about what they leave, not about where they go.
    about_candidate = rollout is not None and (
        rollout.release.answers_to(alert.release) if alert.release else not rollout.back
    )
    about_stable = state.stable is not None and (alert.release == "" or state.stable.answers_to(alert.release))
    if not about_candidate and not about_stable:
        return _note(draft, alert, f"release {alert.release} carries no traffic of {state.service}")
    if action is AlertAction.NOTIFY:
        return _note(draft, alert, f"alert {alert.alertname} is to be told, not acted on")
    if rollout is not None and about_candidate:
        matched = _matched(alert, action, draft.said(f"alert {alert.alertname} fired", rollout.id))
        if action is AlertAction.ROLLBACK:
            draft.add(matched)
            return draft.abort(Trigger.ALERT, f"alert {alert.alertname} fired for {rollout.release.version}")
        if rollout.paused is not None:
            return _note(draft, alert, "the rollout is paused already")
        draft.add(matched)
        return pause(draft, rollout, f"alert {alert.alertname} asks to hold")
    if guard is not None and action is AlertAction.ROLLBACK:
        draft.add(_matched(alert, action, draft.said(f"alert {alert.alertname} fired", guard.rollout)))
        return draft.revert(Trigger.ALERT, f"alert {alert.alertname} fired inside the guard window")
    return _note(draft, alert, "it concerns the stable release, and there is no former one to go back to")


def _matched(alert: ReportAlert, action: AlertAction, said: Said) -> AlertMatched:
    return AlertMatched(
        **said,
        fingerprint=alert.fingerprint,
        alertname=alert.alertname,
        release=alert.release,
        action=action,
    )


def _note(draft: Draft, alert: ReportAlert, why: str) -> None:
    draft.add(
        AlertNoted(
            **draft.said(why),
            fingerprint=alert.fingerprint,
            alertname=alert.alertname,
            release=alert.release,
            firing=alert.firing,
        )
    )


def _release_failed(draft: Draft, command: ReportReleaseFailed) -> None:
    rollout, guard, stable = draft.state.rollout, draft.state.guard, draft.state.stable
    if rollout is not None and rollout.release.ensemble == command.ensemble:
        draft.add(_failed(command, draft.said()))
        return draft.abort(Trigger.RELEASE_UNKNOWN if command.unknown else Trigger.RELEASE_FAILED, command.reason)
    if guard is not None and stable is not None and stable.ensemble == command.ensemble:
        draft.add(_failed(command, draft.said(rollout=guard.rollout)))
        return draft.revert(Trigger.RELEASE_FAILED, command.reason)
    return draft.add(_failed(command, draft.said(rollout="")))


def _failed(command: ReportReleaseFailed, said: Said) -> ReleaseFailed:
    return ReleaseFailed(**said, ensemble=command.ensemble, unknown=command.unknown)


def _request(draft: Draft, request: RequestRollout) -> None:
    state, release = draft.state, request.release
    if state.is_quarantined(release.digest):
        why = (
            f"release {release.version} ({release.digest[:19]}) was taken back and is quarantined; "
            f"`segue rollout override {state.service} --release {release.version} --reason ...` lets it return"
        )
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    running = state.rollout
    if running is not None and running.release.digest == release.digest:
        return None
    if running is not None and running.back:
        why = (
            f"rollout {running.id} goes back to {running.release.version}; request {release.version} when that is over"
        )
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    if state.stable is not None and state.stable.digest == release.digest:
        if running is None:
            return None
        return draft.abort(Trigger.STABLE_REQUESTED, f"the stable release {release.version} was requested again")
    asked = find_plan(state.plans, request.plan)
    if asked is None:
        why = f"there is no plan {request.plan}; of {state.service} there is: {', '.join(names(state.plans))}"
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    if running is not None:
        why = f"release {release.version} was requested while {running.release.version} was rolling out"
        draft.add(RolloutSuperseded(**draft.said(why), release=running.release, by=release))
        draft.set_route(why, running.id)
    return draft.add(
        RolloutStarted(
            **draft.said(rollout=f"{state.service}-{state.rollouts + 1}"),
            release=release,
            from_release=state.stable,
            plan=asked.plan,
            plan_version=asked.version,
            ready_by_ms=draft.in_s(asked.plan.readiness_deadline_s),
        )
    )


def _release_ready(draft: Draft, command: ReportReleaseReady) -> None:
    rollout = draft.state.rollout
    if rollout is None or rollout.release.ensemble != command.ensemble or rollout.ready:
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
