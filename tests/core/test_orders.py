"""What people may order of a running rollout, and what they are told when it makes no sense now."""

from dataclasses import replace

import pytest

from controller.core.commands import (
    AdvanceRollout,
    AnyOrder,
    ApproveGate,
    ExtendHold,
    PauseRollout,
    PromoteRollout,
    RejectGate,
    ResumeRollout,
    RetireService,
    RollBack,
    TimerKind,
)
from controller.core.events import (
    AlertNoted,
    GateApproved,
    GateJudged,
    GateRejected,
    HoldExtended,
    OrderRefused,
    ReleaseQuarantined,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutWaiting,
    ServiceRetired,
    StepStarted,
    Trigger,
)
from controller.core.gate import Outcome
from controller.core.gates import Gate, GateKind
from controller.core.plan import Plan, Step
from controller.core.state import timers, wanted
from tests.spec import (
    NOW_MS,
    PLAN,
    SAID,
    SERVICE,
    Given,
    Words,
    after,
    alert,
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

OLD, NEW = release("1.4.0"), release("1.5.0")
EAR = Gate("ear", GateKind.APPROVAL)
LAB = Gate("lab", GateKind.APPROVAL, role="voice-quality")
APPROVED = Plan(
    "approved", (Step(500, 10, gates=("ear",)), Step(5000, 20, gates=("lab",))), guard_s=300, gates=(EAR, LAB)
)
ANN: Words = {"actor": "ann", "reason": "it sounds well"}


def walking(plan: Plan = PLAN) -> Given:
    """1.4.0 serves, 1.5.0 holds at 5 % since NOW_MS + 1 s, until NOW_MS + 11 s."""
    return after(request("1.5.0", plan), ready("1.5.0"), past=installed())


def waiting() -> Given:
    """The first hold is over, and the rollout waits for somebody's ear."""
    story = walking(APPROVED)
    return Given(story.when(elapsed(story, TimerKind.HOLD), NOW_MS + 11_000).state)


def refusal(story: Given, order: AnyOrder) -> str:
    """Why an order is refused."""
    (fact,) = story.when(order, NOW_MS + 20_000).events
    assert isinstance(fact, OrderRefused)
    return fact.reason


class TestAdvance:
    ORDER = AdvanceRollout(service=SERVICE, **SAID)

    def test_one_step_is_taken_now(self) -> None:
        """An order to advance takes the next step before its time, and no more than that one."""
        walking().when(self.ORDER).then(
            StepStarted(**SAID, step=1, weight_bp=5000, due_ms=NOW_MS + 20_000, began_ms=NOW_MS),
            route(3, stable(OLD, 5000), candidate(NEW, 5000), salt="hibari-2"),
        )

    def test_behind_the_last_step_stands_promotion(self) -> None:
        """Advancing from the last step promotes."""
        Given(walking().when(self.ORDER).state).when(self.ORDER).then(
            RolloutPromoted(**SAID, release=NEW, previous=OLD, guard_until_ms=NOW_MS + 300_000),
            route(4, stable(NEW), previous(OLD), salt="hibari-2"),
        )

    def test_gates_are_not_asked(self) -> None:
        """Whoever advances answers for it himself: a rollout that waits for a person goes on."""
        (step, _) = waiting().when(self.ORDER).events
        assert isinstance(step, StepStarted)
        assert (step.step, step.actor, step.reason) == (1, "ci", SAID["reason"])

    def test_a_paused_rollout_walks_again(self) -> None:
        """To say "on" to a rollout that stands still means both: to resume it and to take the step."""
        paused = Given(walking().when(PauseRollout(service=SERVICE, **SAID), NOW_MS + 5_000).state)
        end = paused.when(self.ORDER)
        end.then(
            RolloutResumed(**SAID, due_ms=NOW_MS + 6_000),
            StepStarted(**SAID, step=1, weight_bp=5000, due_ms=NOW_MS + 20_000, began_ms=NOW_MS),
            route(3, stable(OLD, 5000), candidate(NEW, 5000), salt="hibari-2"),
        )
        assert [timer.due_ms for timer in timers(end.state)] == [NOW_MS + 20_000]

    def test_a_candidate_that_is_not_ready_stays_where_it_is(self) -> None:
        """Nobody is given a release that has not spoken yet."""
        assert "not ready yet" in refusal(after(request("1.5.0"), past=installed()), self.ORDER)


class TestExtend:
    def test_the_hold_ends_later(self) -> None:
        """Extending moves the end of the running hold; its former end does nothing any more."""
        story = walking()
        former = elapsed(story, TimerKind.HOLD)
        later = story.when(ExtendHold(service=SERVICE, **SAID, by_s=60), NOW_MS + 5_000)
        later.then(HoldExtended(**SAID, due_ms=NOW_MS + 71_000))
        Given(later.state).when(former, NOW_MS + 11_000).then_nothing()
        assert [timer.due_ms for timer in timers(later.state)] == [NOW_MS + 71_000]

    def test_without_a_running_hold_there_is_nothing_to_extend(self) -> None:
        """A rollout that prepares, is paused or waits has no running hold, and the refusal says what to do."""
        order = ExtendHold(service=SERVICE, **SAID, by_s=60)
        assert "no hold" in refusal(after(request("1.5.0"), past=installed()), order)
        paused = Given(walking().when(PauseRollout(service=SERVICE, **SAID)).state)
        assert "`segue rollout resume hibari" in refusal(paused, order)
        assert "`segue rollout pause hibari" in refusal(waiting(), order)

    def test_a_hold_has_a_longest_time(self) -> None:
        """No hold outlasts its step's ceiling, or a year where the plan sets none."""
        capped = walking(Plan("capped", (Step(500, 10, ceiling_s=100),)))
        assert "by less than 90 s" in refusal(capped, ExtendHold(service=SERVICE, **SAID, by_s=90))
        capped.when(ExtendHold(service=SERVICE, **SAID, by_s=89)).then(HoldExtended(**SAID, due_ms=NOW_MS + 100_000))
        refusal(walking(), ExtendHold(service=SERVICE, **SAID, by_s=400 * 86_400))


class TestApproval:
    def test_manual_gate_waits_for_a_person(self) -> None:
        """At the end of the hold a rollout waits until somebody approves, and says for what."""
        story = walking(APPROVED)
        (fact,) = story.when(elapsed(story, TimerKind.HOLD), NOW_MS + 11_000).events
        assert isinstance(fact, RolloutWaiting)
        assert fact.reason == "ear waits for somebody to approve it"

    def test_approval_lets_a_waiting_rollout_on(self) -> None:
        """An approval is recorded with who and in which step, and the rollout goes on at once."""
        waiting().when(ApproveGate(service=SERVICE, **ANN, gate="ear")).then(
            GateApproved(**SAID, gate="ear", step=0, role=""),
            GateJudged(**SAID, gate="ear", outcome=Outcome.PASS),
            StepStarted(**SAID, step=1, weight_bp=5000, due_ms=NOW_MS + 20_000, began_ms=NOW_MS),
            route(3, stable(OLD, 5000), candidate(NEW, 5000), salt="hibari-2"),
        )

    def test_early_approval_counts_at_the_end_of_the_hold(self) -> None:
        """Whoever approves while the hold runs shortens nothing, and need not come back."""
        early = walking(APPROVED).when(ApproveGate(service=SERVICE, **ANN, gate="ear"))
        early.then(GateApproved(**SAID, gate="ear", step=0, role=""))
        story = Given(early.state)
        facts = story.when(elapsed(story, TimerKind.HOLD), NOW_MS + 11_000).events
        assert [type(fact).__name__ for fact in facts] == ["GateJudged", "StepStarted", "RouteSet"]

    def test_approval_of_one_step_is_none_of_another(self) -> None:
        """A gate that two steps name is asked at each of them."""
        twice = Plan("twice", (Step(500, 10, gates=("ear",)), Step(5000, 20, gates=("ear",))), gates=(EAR,))
        story = Given(walking(twice).when(ApproveGate(service=SERVICE, **ANN, gate="ear")).state)
        for step in (1, 1):
            story = Given(story.when(elapsed(story, TimerKind.HOLD), NOW_MS + 50_000).state)
            assert story.state.rollout is not None
            assert story.state.rollout.step == step
        assert story.state.rollout is not None
        assert story.state.rollout.waiting == "ear waits for somebody to approve it"

    def test_a_gate_of_another_step_asks_nobody_now(self) -> None:
        """The refusal says at which step the gate is asked, and what waits here."""
        why = refusal(walking(APPROVED), ApproveGate(service=SERVICE, **ANN, gate="lab", role="voice-quality"))
        assert why == (
            "step 0 of rollout hibari-2 asks nobody for lab, which is asked at step 1; there it is ear; "
            "say it again then"
        )
        assert "waits for no approval called nose" in refusal(
            walking(APPROVED), RejectGate(service=SERVICE, **ANN, gate="nose")
        )

    @pytest.mark.parametrize("role", ["", "operator", "viewer"])
    def test_a_role_is_asked_for(self, role: str) -> None:
        """A gate that asks for a role is approved and rejected by somebody who has it."""
        story = Given(walking(APPROVED).when(AdvanceRollout(service=SERVICE, **SAID)).state)
        for order in (ApproveGate, RejectGate):
            why = refusal(story, order(service=SERVICE, **ANN, gate="lab", role=role))
            assert why.startswith("lab asks for somebody with the role voice-quality, and this was said with the role")
        story.when(ApproveGate(service=SERVICE, **ANN, gate="lab", role="voice-quality")).then(
            GateApproved(**SAID, gate="lab", step=1, role="voice-quality")
        )

    def test_a_gate_without_a_role_asks_for_an_operator(self) -> None:
        """Somebody whose role is another gate's does not answer for operators."""
        why = refusal(walking(APPROVED), ApproveGate(service=SERVICE, **ANN, gate="ear", role="voice-quality"))
        assert why.startswith("ear asks for somebody with the role operator")

    def test_second_approval_is_told_of_the_first(self) -> None:
        """Two people approve at once: the second hears who was first."""
        once = Given(walking(APPROVED).when(ApproveGate(service=SERVICE, **ANN, gate="ear")).state)
        why = refusal(once, ApproveGate(service=SERVICE, actor="ben", reason="fine", gate="ear"))
        assert why == "ann approved ear already; it counts at the end of the hold"

    def test_rejection_takes_the_candidate_back(self) -> None:
        """A rejection returns all traffic, names who rejected, and quarantines; an earlier approval is no shield."""
        approved = Given(walking(APPROVED).when(ApproveGate(service=SERVICE, **ANN, gate="ear")).state)
        end = approved.when(RejectGate(service=SERVICE, actor="ben", reason="blurred consonants", gate="ear"))
        end.then(
            GateRejected(**SAID, gate="ear", step=0, role=""),
            RolloutAborted(**SAID, trigger=Trigger.GATE, release=NEW, back_to=OLD, weight_bp=500, guilty=("ear",)),
            route(3, stable(OLD), salt="hibari-2"),
            ReleaseQuarantined(**SAID, release=NEW),
        )
        assert end.events[1].reason == "ben rejected ear: blurred consonants"

    def test_rejection_at_a_gate_on_trial_is_recorded_alone(self) -> None:
        """A gate that decides nothing takes nobody back, whatever is said to it."""
        trial = Plan("trial", (Step(500, 10, gates=("ear",)),), gates=(replace(EAR, dry_run=True),))
        end = walking(trial).when(RejectGate(service=SERVICE, **ANN, gate="ear"))
        end.then(GateRejected(**SAID, gate="ear", step=0, role=""))
        assert end.state.rollout is not None

    def test_approval_of_a_paused_rollout_does_not_move_it(self) -> None:
        """A pause stands above an approval: the rollout goes on when it is resumed."""
        paused = Given(waiting().when(PauseRollout(service=SERVICE, **SAID)).state)
        approved = paused.when(ApproveGate(service=SERVICE, **ANN, gate="ear"))
        assert [type(fact).__name__ for fact in approved.events] == ["GateApproved", "GateJudged"]
        story = Given(Given(approved.state).when(ResumeRollout(service=SERVICE, **SAID)).state)
        facts = story.when(elapsed(story, TimerKind.HOLD)).events
        assert [type(fact).__name__ for fact in facts] == ["StepStarted", "RouteSet"]


class TestTwoPeople:
    def test_who_comes_second_hears_what_became_of_the_rollout(self) -> None:
        """An order about a rollout that somebody else just ended names how, by whom and when."""
        back = RollBack(service=SERVICE, actor="ann", reason="flat intonation")
        done = Given(walking().when(back, NOW_MS + 3_000).state)
        assert refusal(done, PromoteRollout(service=SERVICE, actor="ben", reason="fine")) == (
            "no rollout of hibari runs, so there is nothing to steer: rollout hibari-2 was rolled back by ann "
            "at 1970-01-01 00:16:43 UTC; `segue rollout start hibari --release ... --reason ...` begins one"
        )

    def test_who_meant_the_rollout_before_hears_that_another_runs(self) -> None:
        """An order that names a rollout is never done to the next one."""
        later = Given(walking().when(request("1.6.0")).state)
        why = refusal(later, PauseRollout(service=SERVICE, **ANN, rollout="hibari-2"))
        assert why.startswith("rollout hibari-2 made way for 1.6.0 by ci at ")
        assert why.endswith("hibari-3 runs now: name that one, or none")

    def test_a_pause_of_a_paused_rollout_says_how_to_go_on(self) -> None:
        """What is so already is refused with the order that would change it."""
        paused = walking().when(PauseRollout(service=SERVICE, **SAID))
        paused.then(RolloutPaused(**SAID, hold_left_ms=11_000))
        assert "`segue rollout resume hibari" in refusal(Given(paused.state), PauseRollout(service=SERVICE, **SAID))


class TestRetire:
    ORDER = RetireService(service=SERVICE, **SAID)

    def test_the_table_is_emptied_and_nothing_must_stay_loaded(self) -> None:
        """A service that is retired in the middle of a rollout serves nobody, and condemns nobody."""
        end = walking().when(self.ORDER)
        end.then(
            RolloutAborted(**SAID, trigger=Trigger.RETIRED, release=NEW, back_to=None, weight_bp=500),
            ServiceRetired(**SAID, release=OLD),
            route(3, salt="hibari-2"),
        )
        assert wanted(end.state) == ()
        assert timers(end.state) == ()
        assert not end.state.quarantined

    def test_the_guard_ends_with_it(self) -> None:
        """Nothing is kept for going back to."""
        end = Given(walking().when(PromoteRollout(service=SERVICE, **SAID)).state).when(self.ORDER)
        end.then(ServiceRetired(**SAID, release=NEW), route(4, salt="hibari-2"))
        assert wanted(end.state) == ()
        assert "nothing to roll back" in refusal(Given(end.state), RollBack(service=SERVICE, **SAID))

    def test_a_later_request_begins_anew(self) -> None:
        """The next release is the first again: there is nobody to be protected by small steps."""
        retired = Given(walking().when(self.ORDER).state)
        started = retired.when(request("1.5.0"))
        started.then(RolloutStarted(**SAID, release=NEW, from_release=None, plan=PLAN, ready_by_ms=NOW_MS + 60_000))
        up = Given(started.state).when(ready("1.5.0"))
        assert up.state.arms == (stable(NEW),)
        assert up.state.epoch == 4

    def test_a_late_alert_is_noted(self) -> None:
        """An alert about a service that is gone is recorded and moves nothing."""
        (fact,) = Given(walking().when(self.ORDER).state).when(alert("1.4.0")).events
        assert isinstance(fact, AlertNoted)

    def test_nothing_to_retire_is_refused(self) -> None:
        """A service that serves nothing cannot be retired; nor does an order for another rollout retire it."""
        assert "serves nothing" in refusal(given(), self.ORDER)
        assert "hibari-2 runs now" in refusal(walking(), RetireService(service=SERVICE, **SAID, rollout="hibari-1"))
