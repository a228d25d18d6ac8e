"""Going back to a release that was stable before: at once, without steps, or step by step."""

from dataclasses import replace

from controller.core.commands import (
    AnyCommand,
    OverrideQuarantine,
    PromoteRollout,
    RollBack,
    TimerKind,
)
from controller.core.events import (
    GuardWindowEnded,
    OrderRefused,
    PromotionReverted,
    ReleaseQuarantined,
    ReleaseReady,
    RequestRefused,
    RolloutAborted,
    RolloutPromoted,
    RolloutStarted,
    RolloutSuperseded,
    StepStarted,
    Trigger,
)
from controller.core.gates import Gate, GateKind
from controller.core.past import KEPT_FORMERS
from controller.core.plan import Plan, Step
from tests.spec import (
    NOW_MS,
    SAID,
    SERVICE,
    Given,
    after,
    alert,
    candidate,
    elapsed,
    installed,
    previous,
    ready,
    release,
    request,
    route,
    stable,
)

FIRST, SECOND, THIRD = release("1.4.0"), release("1.5.0"), release("1.6.0")
EAR = Gate("ear", GateKind.APPROVAL)
LADDER = Plan("ladder", (Step(500, 10, gates=("ear",)),), 60, guard_s=300, gates=(EAR,), rollback_window_s=1000)
BACK = replace(LADDER, name="rollback", steps=(), gates=())
PROMOTE = PromoteRollout(service=SERVICE, **SAID)
WITHIN_MS, LATER_MS = NOW_MS + 900_000, NOW_MS + 2_000_000


def back_to(version: str) -> RollBack:
    return RollBack(service=SERVICE, **SAID, to=version)


def promoted(*versions: str) -> Given:
    """1.4.0 came first, then these, each by LADDER, a few seconds apart; the last one's guard window is over."""
    commands: list[AnyCommand] = []
    for version in versions:
        commands += [request(version, LADDER), ready(version), PROMOTE]
    story = after(*commands, past=installed())
    return Given(story.when(elapsed(story, TimerKind.GUARD), NOW_MS + 400_000).state)


def refusal(story: Given, order: RollBack) -> str:
    """Why an order is refused."""
    (fact,) = story.when(order, WITHIN_MS).events
    assert isinstance(fact, OrderRefused)
    return fact.reason


def test_the_release_on_guard_takes_over_at_once() -> None:
    """Naming the former stable inside the guard window gives it all traffic in one decision: it is still loaded."""
    after(request("1.5.0"), ready("1.5.0"), PROMOTE, past=installed()).when(back_to("1.4.0")).then(
        PromotionReverted(**SAID, trigger=Trigger.ORDER, release=SECOND, back_to=FIRST),
        route(4, stable(FIRST), salt="hibari-2"),
        ReleaseQuarantined(**SAID, release=SECOND),
    )


def test_within_the_window_no_step_is_walked() -> None:
    """A release that was stable lately is loaded, heard, and takes over without steps or gates."""
    story = promoted("1.5.0", "1.6.0")
    started = story.when(back_to("1.5.0"), WITHIN_MS)
    started.then(
        RolloutStarted(**SAID, release=SECOND, from_release=THIRD, plan=BACK, ready_by_ms=WITHIN_MS + 60_000, back=True)
    )
    up = Given(started.state).when(ready("1.5.0"), WITHIN_MS + 5_000)
    up.then(
        ReleaseReady(**SAID, release=SECOND, load_s=3.5, probe_latency_s=0.2, probe_audio_s=1.5),
        RolloutPromoted(**SAID, release=SECOND, previous=THIRD, guard_until_ms=WITHIN_MS + 305_000),
        GuardWindowEnded(**SAID, release=THIRD),
        route(7, stable(SECOND), salt="hibari-3"),
        ReleaseQuarantined(**SAID, release=THIRD),
    )
    assert up.state.is_quarantined(THIRD.digest)


def test_outside_the_window_its_steps_are_walked() -> None:
    """A release from longer ago is walked by the plan that it was last rolled out with."""
    story = promoted("1.5.0", "1.6.0")
    started = story.when(back_to("1.5.0"), LATER_MS)
    started.then(
        RolloutStarted(
            **SAID, release=SECOND, from_release=THIRD, plan=LADDER, ready_by_ms=LATER_MS + 60_000, back=True
        )
    )
    (_, step, _) = Given(started.state).when(ready("1.5.0"), LATER_MS + 5_000).events
    assert isinstance(step, StepStarted)
    assert step.weight_bp == 500


def test_whoever_came_back_keeps_its_plan() -> None:
    """After a rollback without steps the release is still one that was rolled out by its own plan."""
    story = Given(promoted("1.5.0", "1.6.0").when(back_to("1.5.0"), WITHIN_MS).state)
    story = Given(story.when(ready("1.5.0"), WITHIN_MS + 5_000).state)
    assert story.state.stable_plan == LADDER


def test_a_plan_may_spare_the_release_that_is_left() -> None:
    """Where the plan quarantines nobody, the release that was left stands on guard as after any promotion."""
    spare = replace(LADDER, quarantine=False)
    commands: list[AnyCommand] = [
        request("1.5.0", spare),
        ready("1.5.0"),
        PROMOTE,
        request("1.6.0", spare),
        ready("1.6.0"),
        PROMOTE,
    ]
    story = after(*commands, past=installed())
    story = Given(story.when(elapsed(story, TimerKind.GUARD), NOW_MS + 400_000).state)
    story = Given(story.when(back_to("1.5.0"), WITHIN_MS).state)
    end = story.when(ready("1.5.0"), WITHIN_MS)
    assert end.state.arms == (stable(SECOND), previous(THIRD))
    assert not end.state.quarantined


def test_a_running_rollout_makes_way() -> None:
    """Going back ends the rollout that runs, first of all, and condemns nobody by it."""
    story = promoted("1.5.0", "1.6.0")
    for command in (request("1.7.0", LADDER), ready("1.7.0")):
        story = Given(story.when(command, NOW_MS + 500_000).state)
    end = story.when(back_to("1.5.0"), WITHIN_MS)
    end.then(
        RolloutSuperseded(**SAID, release=release("1.7.0"), by=SECOND),
        route(8, stable(THIRD), salt="hibari-4"),
        RolloutStarted(
            **SAID, release=SECOND, from_release=THIRD, plan=BACK, ready_by_ms=WITHIN_MS + 60_000, back=True
        ),
    )
    assert not end.state.quarantined


def test_naming_stable_while_another_rolls_out_ends_that() -> None:
    """To roll back to the release that is stable means to take the candidate back."""
    after(request("1.5.0"), ready("1.5.0"), past=installed()).when(back_to("1.4.0")).then(
        RolloutAborted(**SAID, trigger=Trigger.ORDER, release=SECOND, back_to=FIRST, weight_bp=500),
        route(3, stable(FIRST), salt="hibari-2"),
        ReleaseQuarantined(**SAID, release=SECOND),
    )


def test_a_release_that_is_not_kept_is_refused() -> None:
    """The refusal names those that can be gone back to, and how any other is rolled out."""
    why = refusal(promoted("1.5.0", "1.6.0"), back_to("1.2.0"))
    assert why.startswith("release 1.2.0 is none that hibari can go back to, which are: 1.5.0, 1.4.0;")
    assert "stable already" in refusal(promoted("1.5.0"), back_to("1.5.0"))
    assert "on its way to 1.5.0 already" in refusal(
        Given(promoted("1.5.0", "1.6.0").when(back_to("1.5.0"), WITHIN_MS).state), back_to("1.5.0")
    )


def test_a_condemned_release_is_refused() -> None:
    """What was itself taken back returns after an override alone."""
    story = Given(promoted("1.5.0", "1.6.0").when(back_to("1.5.0"), WITHIN_MS).state)
    story = Given(story.when(ready("1.5.0"), WITHIN_MS).state)
    assert "`segue rollout override hibari --release 1.6.0" in refusal(story, back_to("1.6.0"))
    story = Given(story.when(OverrideQuarantine(service=SERVICE, **SAID, digest=THIRD.digest)).state)
    (fact,) = story.when(back_to("1.6.0"), WITHIN_MS).events
    assert isinstance(fact, RolloutStarted)


def test_a_plan_without_quarantine_condemns_nobody_in_the_guard_window() -> None:
    """What was promoted by a plan that bars nobody may return after it was taken back, as before its promotion."""
    story = after(request("1.5.0", replace(LADDER, quarantine=False)), ready("1.5.0"), past=installed())
    story = Given(story.when(PromoteRollout(service=SERVICE, **SAID)).state)
    end = story.when(RollBack(service=SERVICE, **SAID))
    assert end.state.arms == (stable(release("1.4.0")),)
    assert not end.state.quarantined


def test_rollback_without_a_name_says_what_could_be_named() -> None:
    """When nothing runs and nobody stands on guard, a rollback must say where to."""
    why = refusal(promoted("1.5.0", "1.6.0"), RollBack(service=SERVICE, **SAID))
    assert "`segue rollout rollback hibari --to VERSION --reason ...` goes back to 1.5.0, 1.4.0" in why


def test_only_the_latest_are_kept() -> None:
    """The state does not grow with the number of releases that ever were stable."""
    versions = [f"2.{number}.0" for number in range(KEPT_FORMERS + 3)]
    kept = [one.release.version for one in promoted(*versions).state.formers]
    assert kept == versions[-2 : -KEPT_FORMERS - 2 : -1]


def test_a_request_does_not_stand_in_the_way_back() -> None:
    """While somebody goes back, a nightly request is refused instead of taking the rollout's place."""
    story = Given(promoted("1.5.0", "1.6.0").when(back_to("1.5.0"), WITHIN_MS).state)
    for version in ("1.6.0", "1.7.0"):
        (fact,) = story.when(request(version), WITHIN_MS).then(RequestRefused(**SAID, release=release(version))).events
        assert "goes back to 1.5.0" in fact.reason


def test_an_alert_that_names_nobody_does_not_stop_the_way_back() -> None:
    """What cries while somebody goes back is the release that is being left."""
    story = Given(promoted("1.5.0", "1.6.0").when(back_to("1.5.0"), WITHIN_MS).state)
    assert story.when(alert()).state.rollout is not None
    assert story.when(alert("1.5.0")).state.rollout is None


def test_a_release_that_walks_back_can_be_taken_back() -> None:
    """A release from long ago that turns out bad loses its traffic to the one that is stable."""
    story = Given(promoted("1.5.0", "1.6.0").when(back_to("1.5.0"), LATER_MS).state)
    story = Given(story.when(ready("1.5.0"), LATER_MS).state)
    assert story.state.arms == (stable(THIRD, 9500), candidate(SECOND, 500))
    end = story.when(alert("1.5.0"), LATER_MS)
    assert end.state.arms == (stable(THIRD),)
    assert end.state.is_quarantined(SECOND.digest)
