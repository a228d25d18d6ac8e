"""What alerts do: rollback first, never back up, and none of them lost."""

from controller.core.commands import ElapseTimer, PauseRollout, TimerKind
from controller.core.events import (
    AlertMatched,
    AlertNoted,
    PromotionReverted,
    ReleaseQuarantined,
    RolloutAborted,
    RolloutPaused,
    Trigger,
)
from controller.core.plan import AlertAction, AlertPolicy, AlertRule, Plan, Step
from tests.core.test_rollout import NEW, NEWER, OLD, promoted, walking
from tests.spec import (
    NOW_MS,
    SAID,
    SERVICE,
    Given,
    after,
    alert,
    elapsed,
    given,
    installed,
    ready,
    request,
    route,
    stable,
)


def matched(release: str = "", action: AlertAction = AlertAction.ROLLBACK) -> AlertMatched:
    return AlertMatched(**SAID, fingerprint="f00d", alertname="CandidateErrors", release=release, action=action)


def noted(release: str = "", *, firing: bool = True) -> AlertNoted:
    return AlertNoted(**SAID, fingerprint="f00d", alertname="CandidateErrors", release=release, firing=firing)


def test_firing_alert_returns_all_traffic() -> None:
    """A firing rollback alert sends all traffic back to stable in one decision."""
    walking().when(alert("1.5.0")).then(
        matched("1.5.0"),
        RolloutAborted(**SAID, trigger=Trigger.ALERT, release=NEW, back_to=OLD, weight_bp=500),
        route(3, stable(OLD), salt="hibari-2"),
        ReleaseQuarantined(**SAID, release=NEW),
    )


def test_alert_without_release_concerns_the_candidate() -> None:
    """While a candidate has traffic, an alert that names no release is taken as one about the candidate."""
    assert walking().when(alert()).state.arms == (stable(OLD),)


def test_alert_works_while_paused() -> None:
    """A pause keeps the walk from going on, never the rollback from coming."""
    paused = Given(walking().when(PauseRollout(service=SERVICE, **SAID)).state)
    assert paused.when(alert("1.5.0")).state.arms == (stable(OLD),)


def test_alert_before_the_candidate_is_ready_ends_the_rollout() -> None:
    """A rollback alert about a candidate without traffic still ends its rollout."""
    after(request("1.5.0"), past=installed()).when(alert("1.5.0")).then(
        matched("1.5.0"),
        RolloutAborted(**SAID, trigger=Trigger.ALERT, release=NEW, back_to=OLD, weight_bp=0),
        ReleaseQuarantined(**SAID, release=NEW),
    )


def test_second_alert_is_noted_only() -> None:
    """An alert that comes after the rollback it wanted is recorded and changes nothing."""
    back = Given(walking().when(alert("1.5.0")).state)
    back.when(alert("1.5.0")).then(noted("1.5.0"))


def test_resolved_never_repromotes() -> None:
    """A resolved alert is recorded; no traffic ever follows from it."""
    back = Given(walking().when(alert("1.5.0")).state)
    back.when(alert("1.5.0", firing=False)).then(noted("1.5.0", firing=False))
    walking().when(alert("1.5.0", firing=False)).then(noted("1.5.0", firing=False))


def test_hold_alert_pauses() -> None:
    """An alert whose action is hold pauses the walk, once."""
    paused = walking().when(alert("1.5.0", action="hold"))
    paused.then(matched("1.5.0", AlertAction.HOLD), RolloutPaused(**SAID, hold_left_ms=11_000))
    Given(paused.state).when(alert("1.5.0", action="hold")).then(noted("1.5.0"))


def test_notify_alert_only_notes() -> None:
    """An alert that is neither critical nor ordered to act is recorded for people."""
    walking().when(alert("1.5.0", severity="warning")).then(noted("1.5.0"))
    walking().when(alert("1.5.0", severity="critical", action="notify")).then(noted("1.5.0"))


def test_plan_can_change_what_alerts_do() -> None:
    """A plan's own rules decide: here a warning takes the release back and critical only notifies."""
    policy = AlertPolicy((AlertRule("severity", "warning", AlertAction.ROLLBACK),), AlertAction.NOTIFY)
    story = after(request("1.5.0", Plan(alerts=policy)), ready("1.5.0"), past=installed())
    assert story.when(alert("1.5.0", severity="warning")).state.rollout is None
    story.when(alert("1.5.0", severity="critical")).then(noted("1.5.0"))


def test_alert_about_stable_does_not_route() -> None:
    """An alert about the stable release pages people; there is nothing better to send traffic to."""
    walking().when(alert("1.4.0")).then(noted("1.4.0"))
    given(installed()).when(alert("1.4.0")).then(noted("1.4.0"))


def test_alert_inside_the_guard_window_goes_back() -> None:
    """An alert about the promoted release inside its guard window returns all traffic to the former stable."""
    promoted().when(alert("1.5.0")).then(
        matched("1.5.0"),
        PromotionReverted(**SAID, trigger=Trigger.ALERT, release=NEW, back_to=OLD),
        route(4, stable(OLD), salt="hibari-2"),
        ReleaseQuarantined(**SAID, release=NEW),
    )


def test_alert_after_the_guard_window_is_noted() -> None:
    """Once the guard window has ended the former stable is gone, and an alert can only be told."""
    story = promoted()
    ended = Given(story.when(elapsed(story, TimerKind.GUARD)).state)
    ended.when(alert("1.5.0")).then(noted("1.5.0"))


def test_guard_window_holds_during_the_next_rollout() -> None:
    """An alert about a freshly promoted stable takes it back even while the next candidate is on its way."""
    story = promoted()
    for command in (request("1.6.0"), ready("1.6.0")):
        story = Given(story.when(command).state)
    story.when(alert("1.5.0")).then(
        matched("1.5.0"),
        RolloutAborted(**SAID, trigger=Trigger.ALERT, release=NEWER, back_to=OLD, weight_bp=500),
        PromotionReverted(**SAID, trigger=Trigger.ALERT, release=NEW, back_to=OLD),
        route(5, stable(OLD), salt="hibari-3"),
        ReleaseQuarantined(**SAID, release=NEW),
    )


def test_guard_window_keeps_its_own_policy() -> None:
    """What the next candidate's plan makes of alerts does not disarm the plan of the release on guard."""
    deaf = Plan("deaf", (Step(500, 10),), alerts=AlertPolicy((), AlertAction.NOTIFY))
    story = promoted()
    for command in (request("1.6.0", deaf), ready("1.6.0")):
        story = Given(story.when(command).state)
    for named in ("1.5.0", ""):
        assert story.when(alert(named)).state.arms == (stable(OLD),)
    story.when(alert("1.6.0")).then(noted("1.6.0"))


def test_alert_without_release_concerns_who_serves() -> None:
    """While the next candidate serves nobody, an alert that names no release takes back what was just promoted."""
    story = promoted()
    story = Given(story.when(request("1.6.0")).state)
    after_all = story.when(alert()).state
    assert after_all.arms == (stable(OLD),)
    assert after_all.is_quarantined(NEW.digest)
    assert not after_all.is_quarantined(NEWER.digest)


def test_late_alert_for_a_rolled_back_release_is_noted() -> None:
    """An alert about a release that carries no traffic any more is recorded and hits nobody else."""
    later = after(request("1.5.0"), ready("1.5.0"), alert("1.5.0"), request("1.6.0"), ready("1.6.0"), past=installed())
    end = later.when(alert("1.5.0"))
    end.then(noted("1.5.0"))
    assert end.state.rollout is not None


def test_alert_for_an_unknown_service_is_recorded() -> None:
    """An alert about a service nothing was ever rolled out for is a fact of that service's stream."""
    (fact,) = given().when(alert("1.5.0")).then(noted("1.5.0")).events
    assert "nothing was ever rolled out" in fact.reason


def test_two_alerts_race_a_promotion() -> None:
    """Whichever is decided first, the hold's end or the alert, the candidate ends without traffic."""
    story = after(request("1.5.0"), ready("1.5.0"), past=installed())
    hold_end = elapsed(story, TimerKind.HOLD)
    assert isinstance(hold_end, ElapseTimer)
    alert_first = Given(story.when(alert("1.5.0")).state)
    alert_first.when(hold_end, NOW_MS).then_nothing()
    hold_first = Given(story.when(hold_end, NOW_MS).state)
    assert hold_first.when(alert("1.5.0")).state.arms == (stable(OLD),)
