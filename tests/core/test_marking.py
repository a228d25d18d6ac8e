"""What people say of a rollback afterwards: kept as a fact, corrected by a later one, and without any effect."""

from dataclasses import replace

import pytest

from controller.core.commands import MarkRollback, PromoteRollout, RollBack, TimerKind
from controller.core.events import OrderRefused, RollbackMarked
from controller.core.past import KEPT_TAKEN_BACK
from controller.core.plan import Plan, Step
from controller.core.routing import Segment
from tests.spec import (
    NOW_MS,
    PLAN,
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
)

PROMOTE = PromoteRollout(service=SERVICE, **SAID)
MIRRORED = Plan("mirrored", (Step(0, 10, mirror_bp=10_000), Step(500, 10)), readiness_deadline_s=60, guard_s=300)
VIP = Plan(
    "vip", (Step(0, 10, segments=(Segment("vip", (("tier", "vip"),), 2500),)),), readiness_deadline_s=60, guard_s=300
)


def marked(rollout: str, *, false_alarm: bool = True) -> MarkRollback:
    """Somebody marks this rollout."""
    return MarkRollback(service=SERVICE, **SAID, rollout=rollout, false_alarm=false_alarm)


def taken_back(plan: Plan = PLAN) -> Given:
    """1.4.0 serves; 1.5.0 was taken back by an alert, in the first step of its plan."""
    return after(request("1.5.0", plan), ready("1.5.0"), alert("1.5.0"), past=installed())


def refusal(story: Given, order: MarkRollback) -> str:
    """Why a mark is refused."""
    (fact,) = story.when(order).events
    assert isinstance(fact, OrderRefused)
    return fact.reason


def test_a_mark_is_a_fact_about_its_rollout_and_changes_nothing() -> None:
    """Who said what of which rollout is kept; state, table and quarantine stay as they were."""
    story = taken_back()
    done = story.when(marked("hibari-2"))
    done.then(RollbackMarked(**SAID, false_alarm=True))
    assert done.events[0].rollout == "hibari-2"
    assert done.state == story.state


def test_a_later_mark_corrects_an_earlier_one() -> None:
    """Whoever was wrong may say so, as often as need be."""
    story = Given(taken_back().when(marked("hibari-2")).state)
    story.when(marked("hibari-2", false_alarm=False)).then(RollbackMarked(**SAID, false_alarm=False))


def test_a_promotion_that_was_given_back_can_be_marked() -> None:
    """Inside the guard window users were served by it, too."""
    story = after(request("1.5.0"), ready("1.5.0"), PROMOTE, alert("1.5.0"), past=installed())
    story.when(marked("hibari-2")).then(RollbackMarked(**SAID, false_alarm=True))


def test_going_back_to_an_older_release_can_be_marked() -> None:
    """It is a rollout of its own, and what it took back is the release before it."""
    story = after(request("1.5.0"), ready("1.5.0"), PROMOTE, past=installed())
    story = Given(story.when(elapsed(story, TimerKind.GUARD), NOW_MS + 400_000).state)
    for command in (RollBack(service=SERVICE, **SAID, to="1.4.0"), ready("1.4.0")):
        story = Given(story.when(command, NOW_MS + 500_000).state)
    story.when(marked("hibari-3")).then(RollbackMarked(**SAID, false_alarm=True))
    assert "none that was taken back from users" in refusal(story, marked("hibari-2"))


def test_some_listeners_are_users() -> None:
    """A share that only a segment had counts as much as one of all."""
    taken_back(VIP).when(marked("hibari-2")).then(RollbackMarked(**SAID, false_alarm=True))


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (given(installed()), "hibari has had no rollback yet"),
        (taken_back(MIRRORED), "hibari has had no rollback yet"),
        (after(request("1.5.0"), alert("1.5.0"), past=installed()), "hibari has had no rollback yet"),
        (after(request("1.5.0"), ready("1.5.0"), request("1.6.0"), past=installed()), "so there is nothing to mark"),
        (after(request("1.5.0"), ready("1.5.0"), past=installed()), "still runs; mark it once it was taken back"),
    ],
    ids=["none", "only mirrored", "never ready", "superseded", "running"],
)
def test_what_was_taken_back_from_nobody_is_not_marked(story: Given, sentence: str) -> None:
    """A mark of such a rollout is refused with what there is to mark."""
    assert sentence in refusal(story, marked("hibari-2"))


def test_the_refusal_names_what_can_be_marked() -> None:
    """A misspelt rollout is answered with the latest that were taken back."""
    assert refusal(taken_back(), marked("hibari-9")).endswith("nothing to mark; the latest that were: hibari-2")


def test_so_many_are_kept() -> None:
    """The state stays small however often a service is taken back; the oldest can no longer be marked."""
    story = taken_back()
    kept = tuple(f"hibari-{number}" for number in range(2, KEPT_TAKEN_BACK + 2))
    story = Given(replace(story.state, taken_back=kept, quarantined=(), rollouts=KEPT_TAKEN_BACK + 1))
    for command in (request("1.6.0"), ready("1.6.0"), alert("1.6.0")):
        story = Given(story.when(command).state)
    assert len(story.state.taken_back) == KEPT_TAKEN_BACK
    assert f"of the last {KEPT_TAKEN_BACK}: hibari-102, hibari-101" in refusal(story, marked("hibari-2"))
    story.when(marked("hibari-3")).then(RollbackMarked(**SAID, false_alarm=True))
