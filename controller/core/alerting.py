"""What an alert does: takes the candidate back, or what was just promoted, or holds; or it is noted, with why."""

from controller.core.commands import ReportAlert
from controller.core.draft import Draft, Said
from controller.core.events import AlertMatched, AlertNoted, Trigger
from controller.core.orders import pause
from controller.core.plan import AlertAction, AlertPolicy


def take_alert(draft: Draft, alert: ReportAlert) -> None:
    """Act on an alert by the policy of the plan that it concerns."""
    state = draft.state
    if not alert.firing:
        # Never a way back up: a resolved alert only says that taking the release away worked.
        return _note(draft, alert, f"alert {alert.alertname} is resolved; that never sends traffic back to a release")
    if not state.known:
        return _note(draft, alert, f"nothing was ever rolled out for a service named {state.service}")
    rollout, guard = state.rollout, state.guard
    # While somebody goes back, an alert that names nobody is about what they leave, not about where they go.
    about_candidate = rollout is not None and (
        rollout.release.answers_to(alert.release) if alert.release else not rollout.back
    )
    about_stable = state.stable is not None and (alert.release == "" or state.stable.answers_to(alert.release))
    ours = rollout.plan.alerts.action_for(alert.labels) if rollout and about_candidate else AlertAction.NOTIFY
    theirs = (guard.alerts if guard else AlertPolicy()).action_for(alert.labels) if about_stable else AlertAction.NOTIFY
    # Nobody is hurt by a candidate that serves nobody: then it is what was promoted just before.
    taken_back = ours is AlertAction.ROLLBACK and rollout is not None and (rollout.serves or bool(alert.release))
    if guard is not None and theirs is AlertAction.ROLLBACK and not taken_back:
        draft.add(_matched(alert, theirs, draft.said(f"alert {alert.alertname} fired", guard.rollout)))
        return draft.revert(Trigger.ALERT, f"alert {alert.alertname} fired inside the guard window")
    if not about_candidate and not about_stable:
        return _note(draft, alert, f"release {alert.release} carries no traffic of {state.service}")
    action = ours if about_candidate else theirs
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
