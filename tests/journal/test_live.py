"""What was live at a moment is what a fold of the facts until then gives, with who said so and which step it was."""

import pytest

from controller.core.state import table
from controller.core.stream import begin, fold
from controller.handle import handle
from controller.journal import Store, views
from controller.journal.live import Live, live_at
from controller.wire.messages import MessageType
from tests.journal.messages import SERVICE, alert, installed, ordered, requested, rolling
from tests.journal.test_replay import eventful


async def live(store: Store, at_ms: int, service: str = SERVICE) -> Live:
    """Return what was live; something was."""
    found = await live_at(store, service, at_ms)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "at_ms", [1_000, 2_000, 9_999, 11_000, 12_500, 14_000, 15_000, 18_500, 19_000, 20_000, 21_999, 99_000]
)
async def test_the_table_is_the_one_that_the_facts_give(store: Store, at_ms: int) -> None:
    """Whatever the moment, the read table and a fold of all facts until then agree on the table and the candidate."""
    await handle(store, eventful())
    facts = [fact async for fact in views.facts(store, SERVICE) if fact.at_ms <= at_ms]
    state = fold(begin(SERVICE), facts).state
    found = await live_at(store, SERVICE, at_ms)
    if not state.epoch:
        assert found is None
        return
    assert found is not None
    assert found.table == table(state)
    in_table = [arm.release.version for arm in found.table.arms]
    running = state.rollout
    shown = running is not None and running.release.version in in_table
    assert (found.step is not None) == shown
    if running is not None and shown:
        assert found.rollout is not None
        assert found.step is not None
        assert (found.rollout.rollout, found.step.step) == (running.id, running.step)
    assert (found.preparing.rollout if found.preparing else None) == (running.id if running and not shown else None)


async def test_who_said_so_since_when_and_until_when(store: Store) -> None:
    """A candidate's share is told with its step, the fact that gave it, and who asked for the rollout."""
    await handle(store, [*installed(), *rolling(), alert("1.5.0", 15_000)])
    found = await live(store, 12_345)
    assert [(arm.release.version, arm.weight_bp) for arm in found.table.arms] == [("1.4.0", 9500), ("1.5.0", 500)]
    assert (found.since_ms, found.until_ms) == (11_000, 15_000)
    (fact,) = await views.history(store, SERVICE, found.position - 1, 1)
    assert (fact.id, fact.type, fact.actor, fact.reason) == (found.fact, "RouteSet", found.actor, found.reason)
    assert found.cause == "ready-1.5.0-11000"
    assert found.rollout is not None
    assert (found.rollout.rollout, found.rollout.version) == ("hibari-2", "1.5.0")
    assert (found.rollout.started_by, found.rollout.started_because) == ("ci", "nightly")
    assert found.step is not None
    assert (found.step.step, found.step.started_at) == (0, 11_000)


async def test_after_a_rollback_the_rollout_that_was_taken_back_is_told_without_a_step(store: Store) -> None:
    """Stable alone serves, by the word of the alert; nothing follows that, so there is no end."""
    await handle(store, [*installed(), *rolling(), alert("1.5.0", 15_000)])
    found = await live(store, 15_000)
    assert [(arm.release.version, arm.weight_bp) for arm in found.table.arms] == [("1.4.0", 10_000)]
    assert (found.actor, found.until_ms, found.step) == ("tests/hibari", None, None)
    assert found.rollout is not None
    assert found.rollout.rollout == "hibari-2"
    assert found.preparing is None


async def test_what_is_loaded_meanwhile_is_told_apart(store: Store) -> None:
    """A release that was asked for and not in the table yet serves nobody; until then the table says nothing of it."""
    await handle(store, [*installed(), requested("1.5.0", 10_000)])
    found = await live(store, 10_500)
    assert found.preparing is not None
    assert (found.preparing.rollout, found.preparing.version) == ("hibari-2", "1.5.0")
    assert found.rollout is not None
    assert found.rollout.rollout == "hibari-1"


async def test_a_promotion_that_was_reverted_later_was_no_preparation(store: Store) -> None:
    """Between its promotion and its revert a release served everybody, whatever came after."""
    await handle(store, [*installed(), *rolling(), ordered(MessageType.PROMOTE, 14_000), alert("1.5.0", 15_000)])
    found = await live(store, 14_500)
    assert found.table.arms[0].release.version == "1.5.0"
    assert (found.preparing, found.step) == (None, None)


async def test_a_retired_service_serves_nothing(store: Store) -> None:
    """Its table is empty, by the word of whoever ended it."""
    await handle(store, [*installed(), ordered(MessageType.RETIRE, 20_000)])
    found = await live(store, 30_000)
    assert (found.table.arms, found.actor, found.reason) == ((), "lena", "sounds flat")


@pytest.mark.parametrize("at_ms", [-(10**14), 0, 1_999])
async def test_before_its_first_table_a_service_served_nothing(store: Store, at_ms: int) -> None:
    """Of a time before there was any table there is nothing to tell, nor of a service that nobody knows."""
    await handle(store, installed())
    assert await live_at(store, SERVICE, at_ms) is None
    assert await live_at(store, "nobody", 99_000) is None
