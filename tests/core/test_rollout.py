"""What a rollout does from its request to its promotion, and who may steer it."""

from controller.core.commands import (
    OverrideQuarantine,
    PauseRollout,
    PromoteRollout,
    ReportReleaseFailed,
    ResumeRollout,
    RollBack,
    TimerKind,
)
from controller.core.events import (
    GuardWindowEnded,
    OrderRefused,
    PromotionReverted,
    QuarantineLifted,
    ReleaseFailed,
    ReleaseQuarantined,
    ReleaseReady,
    RequestRefused,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutSuperseded,
    StepStarted,
    Trigger,
)
from controller.core.state import timers, wanted
from tests.spec import (
    NOW_MS,
    PLAN,
    SAID,
    SERVICE,
    Given,
    after,
    candidate,
    elapsed,
    given,
    installed,
    previous,
    ready,
    release,
    request,
    route,
    stable,
)

OLD, NEW, NEWER = release("1.4.0"), release("1.5.0"), release("1.6.0")


def failed(version: str, *, unknown: bool = False, rollout: str = "") -> ReportReleaseFailed:
    return ReportReleaseFailed(
        service=SERVICE,
        actor="releases",
        reason="it does not load",
        ensemble=f"hibari__{version}",
        unknown=unknown,
        rollout=rollout,
    )


def walking() -> Given:
    """1.4.0 serves, 1.5.0 holds at 5 % since NOW_MS + 1 s, until NOW_MS + 11 s."""
    return after(request("1.5.0"), ready("1.5.0"), past=installed())


def promoted() -> Given:
    """1.5.0 was promoted over 1.4.0, which stands on guard."""
    return after(request("1.5.0"), ready("1.5.0"), PromoteRollout(service=SERVICE, **SAID), past=installed())


class TestStart:
    def test_request_starts_a_rollout(self) -> None:
        """A request for a release makes it the candidate, which must be ready by its deadline."""
        given(installed()).when(request("1.5.0")).then(
            RolloutStarted(**SAID, release=NEW, from_release=OLD, plan=PLAN, ready_by_ms=NOW_MS + 60_000)
        )

    def test_first_release_is_installed_at_once(self) -> None:
        """The first release of a service takes all traffic as soon as its probe spoke: there is nobody to protect."""
        after(request("1.4.0")).when(ready("1.4.0")).then(
            ReleaseReady(**SAID, release=OLD, load_s=3.5, probe_latency_s=0.2, probe_audio_s=1.5),
            RolloutPromoted(**SAID, release=OLD, previous=None, guard_until_ms=NOW_MS + 300_000),
            route(1, stable(OLD), salt=""),
        )

    def test_ready_candidate_enters_the_first_step(self) -> None:
        """A candidate that is loaded and heard gets the weight of its first step."""
        after(request("1.5.0"), past=installed()).when(ready("1.5.0")).then(
            ReleaseReady(**SAID, release=NEW, load_s=3.5, probe_latency_s=0.2, probe_audio_s=1.5),
            StepStarted(**SAID, step=0, weight_bp=500, due_ms=NOW_MS + 10_000, began_ms=NOW_MS),
            route(2, stable(OLD, 9500), candidate(NEW, 500), salt="hibari-2"),
        )

    def test_ready_is_said_once(self) -> None:
        """A second report that the candidate is ready changes nothing."""
        walking().when(ready("1.5.0")).then_nothing()

    def test_ready_of_another_release_is_nobodys_business(self) -> None:
        """A late report about a release that is no candidate changes nothing."""
        walking().when(ready("1.3.0")).then_nothing()

    def test_ready_of_an_earlier_rollout_does_not_count(self) -> None:
        """A late report about the same release speaks of a loading that ended since; one about this rollout counts."""
        waiting = after(request("1.5.0"), past=installed())
        waiting.when(ready("1.5.0", rollout="hibari-1")).then_nothing()
        waiting.when(ready("1.5.0", rollout="hibari-2")).then(
            ReleaseReady(**SAID, release=NEW, load_s=3.5, probe_latency_s=0.2, probe_audio_s=1.5),
            StepStarted(**SAID, step=0, weight_bp=500, due_ms=NOW_MS + 10_000, began_ms=NOW_MS),
            route(2, stable(OLD, 9500), candidate(NEW, 500), salt="hibari-2"),
        )

    def test_same_release_again_is_quiet(self) -> None:
        """Asking again for the candidate, or for what is stable already, changes nothing."""
        walking().when(request("1.5.0")).then_nothing()
        given(installed()).when(request("1.4.0")).then_nothing()

    def test_newer_request_supersedes(self) -> None:
        """A newer request takes the candidate's traffic back first and starts over with the newer release."""
        walking().when(request("1.6.0")).then(
            RolloutSuperseded(**SAID, release=NEW, by=NEWER),
            route(3, stable(OLD), salt="hibari-2"),
            RolloutStarted(**SAID, release=NEWER, from_release=OLD, plan=PLAN, ready_by_ms=NOW_MS + 60_000),
        )

    def test_superseded_release_is_not_condemned(self) -> None:
        """A release that was merely overtaken may be requested again."""
        state = walking().when(request("1.6.0")).state
        assert not state.is_quarantined(NEW.digest)

    def test_requesting_stable_ends_the_rollout(self) -> None:
        """Asking for the stable release while another one rolls out means: go back, and condemn nobody."""
        walking().when(request("1.4.0")).then(
            RolloutAborted(**SAID, trigger=Trigger.STABLE_REQUESTED, release=NEW, back_to=OLD, weight_bp=500),
            route(3, stable(OLD), salt="hibari-2"),
        )


class TestWalk:
    def test_hold_end_enters_the_next_step(self) -> None:
        """When a hold ends the candidate gets the next step's weight."""
        story = walking()
        story.when(elapsed(story, TimerKind.HOLD)).then(
            StepStarted(**SAID, step=1, weight_bp=5000, due_ms=NOW_MS + 20_000, began_ms=NOW_MS),
            route(3, stable(OLD, 5000), candidate(NEW, 5000), salt="hibari-2"),
        )

    def test_last_hold_end_promotes(self) -> None:
        """When the last hold ends the candidate becomes stable, and the former stable stands on guard."""
        story = walking()
        story = Given(story.when(elapsed(story, TimerKind.HOLD)).state)
        story.when(elapsed(story, TimerKind.HOLD)).then(
            RolloutPromoted(**SAID, release=NEW, previous=OLD, guard_until_ms=NOW_MS + 300_000),
            route(4, stable(NEW), previous(OLD), salt="hibari-2"),
        )

    def test_stale_timer_is_ignored(self) -> None:
        """A timer message of an earlier hold, come late or twice, changes nothing."""
        story = walking()
        stale = elapsed(story, TimerKind.HOLD)
        Given(story.when(stale).state).when(stale).then_nothing()

    def test_guard_window_ends(self) -> None:
        """When the guard window ends the previous release leaves the table and need not stay loaded."""
        story = promoted()
        assert [home.release for home in wanted(story.state)] == [NEW, OLD]
        end = story.when(elapsed(story, TimerKind.GUARD))
        end.then(GuardWindowEnded(**SAID, release=OLD), route(4, stable(NEW), salt="hibari-2"))
        assert [home.release for home in wanted(end.state)] == [NEW]

    def test_candidate_must_be_ready_in_time(self) -> None:
        """A candidate that misses its readiness deadline is dropped, and not condemned: nobody ever heard it."""
        story = after(request("1.5.0"), past=installed())
        end = story.when(elapsed(story, TimerKind.READINESS))
        end.then(RolloutAborted(**SAID, trigger=Trigger.READINESS_DEADLINE, release=NEW, back_to=OLD, weight_bp=0))
        assert not end.state.is_quarantined(NEW.digest)

    def test_failed_candidate_is_taken_back(self) -> None:
        """A candidate that stops speaking loses its traffic and is quarantined."""
        walking().when(failed("1.5.0")).then(
            ReleaseFailed(**SAID, ensemble="hibari__1.5.0", unknown=False),
            RolloutAborted(**SAID, trigger=Trigger.RELEASE_FAILED, release=NEW, back_to=OLD, weight_bp=500),
            route(3, stable(OLD), salt="hibari-2"),
            ReleaseQuarantined(**SAID, release=NEW),
        )

    def test_unknown_release_is_refused_without_quarantine(self) -> None:
        """A request for an ensemble that does not exist ends at once; a typing mistake condemns no digest."""
        end = after(request("1.5.0"), past=installed()).when(failed("1.5.0", unknown=True))
        end.then(
            ReleaseFailed(**SAID, ensemble="hibari__1.5.0", unknown=True),
            RolloutAborted(**SAID, trigger=Trigger.RELEASE_UNKNOWN, release=NEW, back_to=OLD, weight_bp=0),
        )
        assert not end.state.is_quarantined(NEW.digest)

    def test_failing_promoted_release_is_reverted_inside_its_guard_window(self) -> None:
        """A promoted release that falls silent inside the guard window gives all traffic back."""
        promoted().when(failed("1.5.0")).then(
            ReleaseFailed(**SAID, ensemble="hibari__1.5.0", unknown=False),
            PromotionReverted(**SAID, trigger=Trigger.RELEASE_FAILED, release=NEW, back_to=OLD),
            route(4, stable(OLD), salt="hibari-2"),
            ReleaseQuarantined(**SAID, release=NEW),
        )

    def test_release_that_spoke_is_not_unknown(self) -> None:
        """Who does not find a release any more that was heard looks in the wrong place: that is recorded, no more."""
        lost = ReleaseFailed(**SAID, ensemble="hibari__1.5.0", unknown=True)
        walking().when(failed("1.5.0", unknown=True)).then(lost)
        promoted().when(failed("1.5.0", unknown=True)).then(lost)

    def test_failure_of_an_earlier_rollout_is_only_recorded(self) -> None:
        """A late report about the same release says nothing of the rollout, or the guard window, of today."""
        late = ReleaseFailed(**SAID, ensemble="hibari__1.5.0", unknown=False)
        walking().when(failed("1.5.0", rollout="hibari-1")).then(late)
        promoted().when(failed("1.5.0", rollout="hibari-1")).then(late)

    def test_failing_stable_with_nothing_to_go_back_to_is_recorded(self) -> None:
        """When the only release fails there is nowhere to go; the fact is kept."""
        given(installed()).when(failed("1.4.0")).then(ReleaseFailed(**SAID, ensemble="hibari__1.4.0", unknown=False))


class TestOrders:
    def test_pause_stops_the_hold(self) -> None:
        """Pausing keeps what is left of the hold, and no timer runs."""
        paused = walking().when(PauseRollout(service=SERVICE, **SAID), NOW_MS + 5_000)
        paused.then(RolloutPaused(**SAID, hold_left_ms=6_000))
        assert timers(paused.state) == ()

    def test_resume_runs_the_rest_of_the_hold(self) -> None:
        """Resuming waits for what was left when it was paused, however long the pause was."""
        paused = Given(walking().when(PauseRollout(service=SERVICE, **SAID), NOW_MS + 5_000).state)
        paused.when(ResumeRollout(service=SERVICE, **SAID), NOW_MS + 99_000).then(
            RolloutResumed(**SAID, due_ms=NOW_MS + 105_000)
        )

    def test_paused_before_ready_waits_for_resume(self) -> None:
        """A candidate that becomes ready while paused gets no traffic before somebody resumes."""
        waiting = after(request("1.5.0"), PauseRollout(service=SERVICE, **SAID), ready("1.5.0"), past=installed())
        assert waiting.state.arms == (stable(OLD),)
        waiting.when(ResumeRollout(service=SERVICE, **SAID)).then(
            RolloutResumed(**SAID, due_ms=NOW_MS),
            StepStarted(**SAID, step=0, weight_bp=500, due_ms=NOW_MS + 10_000, began_ms=NOW_MS),
            route(2, stable(OLD, 9500), candidate(NEW, 500), salt="hibari-2"),
        )

    def test_paused_first_release_waits_for_resume(self) -> None:
        """A pause holds a service's first release too: it serves nobody before somebody resumes, then everybody."""
        waiting = after(request("1.4.0"), PauseRollout(service=SERVICE, **SAID), ready("1.4.0"))
        assert waiting.state.arms == ()
        waiting.when(ResumeRollout(service=SERVICE, **SAID)).then(
            RolloutResumed(**SAID, due_ms=NOW_MS),
            RolloutPromoted(**SAID, release=OLD, previous=None, guard_until_ms=NOW_MS + 300_000),
            route(1, stable(OLD), salt=""),
        )

    def test_a_paused_candidate_keeps_its_readiness_deadline(self) -> None:
        """Pausing does not excuse a candidate from ever becoming ready."""
        waiting = after(request("1.5.0"), PauseRollout(service=SERVICE, **SAID), past=installed())
        assert [timer.kind for timer in timers(waiting.state)] == [TimerKind.READINESS]

    def test_promote_skips_the_steps(self) -> None:
        """An order to promote gives the candidate all traffic at once."""
        walking().when(PromoteRollout(service=SERVICE, **SAID)).then(
            RolloutPromoted(**SAID, release=NEW, previous=OLD, guard_until_ms=NOW_MS + 300_000),
            route(3, stable(NEW), previous(OLD), salt="hibari-2"),
        )

    def test_rollback_order_returns_all_traffic(self) -> None:
        """A person's rollback sends all traffic back to stable and quarantines the candidate."""
        walking().when(RollBack(service=SERVICE, **SAID)).then(
            RolloutAborted(**SAID, trigger=Trigger.ORDER, release=NEW, back_to=OLD, weight_bp=500),
            route(3, stable(OLD), salt="hibari-2"),
            ReleaseQuarantined(**SAID, release=NEW),
        )

    def test_rollback_order_works_while_paused(self) -> None:
        """A pause never stands between a rollback and its effect."""
        paused = Given(walking().when(PauseRollout(service=SERVICE, **SAID)).state)
        assert paused.when(RollBack(service=SERVICE, **SAID)).state.arms == (stable(OLD),)

    def test_rollback_inside_the_guard_window_reverts(self) -> None:
        """After promotion a rollback goes back to the former stable as long as the guard window lasts."""
        promoted().when(RollBack(service=SERVICE, **SAID)).then(
            PromotionReverted(**SAID, trigger=Trigger.ORDER, release=NEW, back_to=OLD),
            route(4, stable(OLD), salt="hibari-2"),
            ReleaseQuarantined(**SAID, release=NEW),
        )

    def test_orders_that_make_no_sense_are_refused(self) -> None:
        """With nothing running every order is refused with a reason; so is a second pause, and a resume of no pause."""
        idle = given(installed())
        for order in (PauseRollout, ResumeRollout, PromoteRollout, RollBack):
            idle.when(order(service=SERVICE, **SAID)).then(OrderRefused(**SAID, order=order.__name__))
        walking().when(ResumeRollout(service=SERVICE, **SAID)).then(OrderRefused(**SAID, order="ResumeRollout"))
        paused = Given(walking().when(PauseRollout(service=SERVICE, **SAID)).state)
        paused.when(PauseRollout(service=SERVICE, **SAID)).then(OrderRefused(**SAID, order="PauseRollout"))

    def test_order_for_another_rollout_is_refused(self) -> None:
        """An order that names a rollout which is over never hits the one that runs now."""
        for order in (PauseRollout, ResumeRollout, PromoteRollout, RollBack):
            (fact,) = walking().when(order(service=SERVICE, **SAID, rollout="hibari-1")).events
            assert isinstance(fact, OrderRefused)
            assert fact.reason.startswith(
                "rollout hibari-1 was promoted by ci at 1970-01-01 00:00:00 UTC; hibari-2 runs"
            )

    def test_candidate_that_is_not_ready_is_not_promoted(self) -> None:
        """Nobody can promote a release that has not spoken yet."""
        after(request("1.5.0"), past=installed()).when(PromoteRollout(service=SERVICE, **SAID)).then(
            OrderRefused(**SAID, order="PromoteRollout")
        )


class TestQuarantine:
    def test_condemned_release_does_not_stand_on_guard(self) -> None:
        """A former stable that is requested again and fails ends its guard: nothing may go back to it any more."""
        again = Given(promoted().when(request("1.4.0")).state)
        assert again.state.rollout is not None
        end = again.when(failed("1.4.0"))
        end.then(
            ReleaseFailed(**SAID, ensemble="hibari__1.4.0", unknown=False),
            RolloutAborted(**SAID, trigger=Trigger.RELEASE_FAILED, release=OLD, back_to=NEW, weight_bp=0),
            GuardWindowEnded(**SAID, release=OLD),
            route(4, stable(NEW), salt="hibari-2"),
            ReleaseQuarantined(**SAID, release=OLD),
        )

    def test_condemned_release_is_refused(self) -> None:
        """A release that was taken back is refused by digest, and the refusal says what to do."""
        back = Given(walking().when(failed("1.5.0")).state)
        (fact,) = back.when(request("1.5.0")).then(RequestRefused(**SAID, release=NEW)).events
        assert "`segue rollout override hibari --release 1.5.0 --reason ...` lets it return" in fact.reason

    def test_override_lets_it_return(self) -> None:
        """Only an order by name and reason lifts the quarantine; then the request is accepted again."""
        back = Given(walking().when(failed("1.5.0")).state)
        lifted = back.when(OverrideQuarantine(service=SERVICE, **SAID, digest=NEW.digest))
        lifted.then(QuarantineLifted(**SAID, digest=NEW.digest))
        (fact,) = Given(lifted.state).when(request("1.5.0")).events
        assert isinstance(fact, RolloutStarted)

    def test_override_of_a_free_release_is_refused(self) -> None:
        """Lifting what is not quarantined is refused, so a typing mistake is noticed."""
        given(installed()).when(OverrideQuarantine(service=SERVICE, **SAID, digest="sha256:typo")).then(
            OrderRefused(**SAID, order="OverrideQuarantine")
        )
