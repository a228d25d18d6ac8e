"""What a record cannot answer is said to be unknown: who had less traffic, other company, or lost its messages."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from controller.backtest.compare import Compared, backtest
from controller.backtest.exposure import Exposure
from controller.backtest.policy import Policy
from controller.backtest.summary import Change, change, summed
from controller.core.commands import RequestRollout, TimerKind
from controller.core.plan import AlertPolicy, Plan, Step
from controller.core.routing import Segment
from controller.handle import handle
from controller.journal import Store, tables
from controller.wire.inbound import RESTORED_SOURCE, Input
from tests.journal.messages import SERVICE, alert, installed, ready, release, requested, rolling
from tests.journal.test_measured import PLAN, elapse, measured

DEAF = AlertPolicy(())
FORGOTTEN = update(tables.inbox).values(
    source=RESTORED_SOURCE,
    id=tables.inbox.c.service.concat("/").concat(tables.inbox.c.id),
    topic="",
    key=None,
    value=None,
)
"""What a restore leaves of messages that the broker has no more."""
SHORT = Plan("short", (Step(500, 10), Step(5000, 20)), guard_s=300, gates=())


@pytest.fixture
async def promoted(store: Store) -> Store:
    """A store whose service gave 1.5.0 all traffic at 41 s, by two steps of 10 and 20 s."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000)])
    await elapse(store, TimerKind.HOLD, 21_000)
    await elapse(store, TimerKind.HOLD, 41_000)
    return store


def planned(version: str, at_ms: int, plan: Plan) -> list[Input]:
    """Return the messages after which a release is the candidate in the first step of a plan."""
    asked = requested(version, at_ms)
    assert isinstance(asked.command, RequestRollout)
    return [replace(asked, command=replace(asked.command, plan=plan)), ready(version, at_ms + 1_000)]


async def second(store: Store, policy: Policy) -> Compared:
    """Return what becomes of the second rollout."""
    _, compared, *_ = await backtest(store, SERVICE, policy)
    return compared


async def test_ignoring_the_alert_that_reverted_a_release_saves_nothing(promoted: Store) -> None:
    """Who is not told of a bad release keeps it with all traffic; that is unknown, and lasts as long as its guard."""
    await handle(promoted, [alert("1.5.0", 100_000), *rolling("1.6.0", 500_000)])
    compared = await second(promoted, Policy(alerts=DEAF))
    assert compared.would_have is not None
    assert (compared.happened.outcome, compared.would_have.outcome) == ("reverted", "promoted")
    assert compared.unknown.startswith("it would have stayed with all traffic")
    assert compared.reached == Exposure(lasted_ms=89_000, requests=0, uncounted_ms=89_000)
    # The guard of 300 s ends at 341 s.
    assert compared.would_reach == Exposure(lasted_ms=330_000, requests=0, uncounted_ms=330_000)
    assert summed([compared]).saved_ms == 0


async def test_reverting_what_was_promoted_for_good_adds_no_time(store: Store) -> None:
    """A promotion is on trial until its guard ends; a policy that reverts it inside shortens that."""
    quiet = planned("1.5.0", 10_000, replace(SHORT, alerts=DEAF))
    await handle(store, [*installed(), *quiet])
    await elapse(store, TimerKind.HOLD, 21_000)
    await elapse(store, TimerKind.HOLD, 41_000)
    await handle(store, [alert("1.5.0", 100_000)])
    await elapse(store, TimerKind.GUARD, 341_000)
    await handle(store, rolling("1.6.0", 500_000))
    compared = await second(store, Policy(alerts=AlertPolicy()))
    assert compared.would_have is not None
    assert (compared.happened.outcome, compared.would_have.outcome) == ("promoted", "reverted")
    assert compared.unknown == ""
    assert (summed([compared]).saved_ms, summed([compared]).added_ms) == (241_000, 0)


AHEAD = "it would have had more traffic than it had at the time: what that would have shown is not on record"
TESTERS = Segment("testers", (("tier", "tester"),), 5000)


@pytest.mark.parametrize(
    "steps",
    [
        (Step(500, 10_000),),
        (Step(100, 3599), Step(500, 3600)),
        (Step(100, 3600), Step(500, 3600, segments=(TESTERS,))),
        (Step(100, 10_000, segments=(TESTERS,)),),
    ],
    ids=["larger", "in time", "a segment", "a segment early"],
)
async def test_more_traffic_at_the_time_is_unknown(store: Store, steps: tuple[Step, ...]) -> None:
    """1 % for an hour and 5 % for a minute tell nothing of 5 % from the start, nor of segments; a second is nothing."""
    slow = Plan("slow", (Step(100, 3600), Step(500, 3600)), gates=())
    await handle(store, [*installed(), *planned("1.5.0", 10_000, slow)])
    await elapse(store, TimerKind.HOLD, 3_611_000)
    await handle(store, [alert("1.5.0", 3_671_000)])
    compared = await second(store, Policy(replace(slow, steps=steps)))
    assert compared.happened.outcome == "aborted"
    assert compared.unknown == ("" if steps[0].hold_s == 3599 else AHEAD)


async def test_a_step_that_another_plan_ends_sooner_ends_when_that_plan_says(promoted: Store) -> None:
    """The record has a timer of that number come due 15 s later, which was the other plan's."""
    compared = await second(promoted, Policy(replace(SHORT, steps=(Step(500, 10), Step(5000, 5)))))
    assert compared.would_have is not None
    assert (compared.happened.ended_ms, compared.would_have.ended_ms) == (41_000, 26_000)


async def test_earlier_promotion_is_more_traffic(promoted: Store) -> None:
    """Nobody knows what all users would have shown while half of them heard the release."""
    await handle(promoted, [alert("1.5.0", 100_000)])
    soon = await second(promoted, Policy(replace(SHORT, steps=(Step(500, 10),))))
    assert soon.would_have is not None
    assert (soon.happened.outcome, soon.would_have.outcome) == ("reverted", "reverted")
    assert soon.unknown == AHEAD


async def test_timers_that_came_due_late_are_not_held_against_a_plan(store: Store) -> None:
    """A plan whose steps come as soon as the recorded ones should have come has no more traffic than those."""
    plan = replace(SHORT, steps=(Step(500, 400), Step(5000, 400)))
    await handle(store, [*installed(), *planned("1.5.0", 10_000, plan)])
    await elapse(store, TimerKind.HOLD, 413_000)
    await elapse(store, TimerKind.HOLD, 815_000)
    compared = await second(store, Policy(replace(plan, steps=(Step(500, 200), Step(500, 200), Step(5000, 400)))))
    assert compared.would_have is not None
    assert (compared.happened.ended_ms, compared.would_have.ended_ms) == (815_000, 811_000)
    assert (compared.unknown, change(compared)) == ("", Change.EARLIER)


async def test_evidence_beside_another_release_is_not_believed(store: Store) -> None:
    """Where the one before would have stayed stable, windows still compare with the release that was stable then."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000)])
    await handle(store, planned("1.6.0", 60_000, PLAN))
    await handle(store, [measured(number, failures=25, rollout="hibari-3") for number in range(6, 12)])
    await handle(store, planned("1.7.0", 200_000, SHORT))
    *_, third, fourth = await backtest(store, SERVICE, Policy(alerts=DEAF))
    assert third.would_have is not None
    assert third.would_have.from_release == release("1.5.0")
    assert (third.happened.outcome, third.would_have.outcome) == ("aborted", "aborted")
    assert (
        third.unknown == "it would have been compared with another release: what that would have shown is not on record"
    )
    assert fourth.would_have is not None
    assert fourth.would_have.from_release == release("1.5.0")
    assert fourth.unknown == "", "the clock compares with nothing"


async def test_rollouts_that_would_only_have_been_are_told(store: Store) -> None:
    """What was refused then and would have begun is a rollout that nobody saw: told, and unknown."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000), requested("1.5.0", 20_000)])
    forgiving = Policy(replace(SHORT, quarantine=False))
    *_, again = await backtest(store, SERVICE, forgiving)
    assert (again.happened.rollout, again.happened.outcome) == ("", "never began")
    assert "quarantine" in again.happened.reason
    assert again.would_have is not None
    assert (again.would_have.rollout, again.would_have.version) == ("hibari-3", "1.5.0")
    assert again.unknown == "it never began: what it would have shown is not on record"
    assert summed([again]).unknown == 1


async def test_what_led_to_a_rollout_and_is_lost_is_not_made_up(store: Store) -> None:
    """After a restore messages may be known by name alone: what followed is unknown, and later rollouts stand on it."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000)])
    await store.write(lambda connection: connection.execute(FORGOTTEN))
    await handle(store, [alert("1.5.0", 15_000), *rolling("1.6.0", 60_000), alert("1.6.0", 65_000)])
    first, second, third = await backtest(store, SERVICE, Policy(alerts=DEAF))
    for lost in (first, second):
        assert lost.would_have is None
        assert lost.unknown == "since a restore, messages of then are known by name alone"
    assert third.would_have is not None
    assert (third.happened.outcome, third.would_have.outcome) == ("aborted", "running")
    assert third.would_have.from_release == release("1.4.0")
    assert summed([first, second, third]).unknown == 3
    assert [one.happened.version for one in await backtest(store, SERVICE, Policy(alerts=DEAF), 60_000)] == ["1.6.0"]
