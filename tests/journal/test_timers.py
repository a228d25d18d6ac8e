"""Time is a message: each timer fires once, when it is due, and one that nobody waits for is gone."""

import asyncio

from controller.core.commands import ElapseTimer, TimerKind
from controller.handle import handle
from controller.journal import Store, tables, views
from controller.wire.codec import event_type
from controller.wire.inbound import Input, Received, read
from controller.wire.topics import Topic
from tests.journal.conftest import Opened
from tests.journal.messages import SERVICE, alert, installed, requested, rolling
from tests.journal.sight import outgoing, rows


async def elapsed(store: Store) -> list[Input]:
    """Read the timer messages that are in the outbox, as their consumer will."""
    async with store.relay() as relay:
        out = await relay.next_batch(1000)
    return [
        read(Received(row.topic, 0, row.id, row.key, row.body, row.headers, 100_000))
        for row in out
        if row.topic is Topic.SIGNALS
    ]


async def test_a_timer_is_set_with_its_fact(store: Store) -> None:
    """A request waits for readiness until its deadline, and the store says when that is."""
    await handle(store, [requested("1.4.0", 1_000)])
    assert await store.fire_due(0) == 61_000
    assert await elapsed(store) == []


async def test_a_due_timer_fires_once(store: Store) -> None:
    """Its message names service, kind and epoch; asking again, also later, fires nothing more."""
    await handle(store, installed() + rolling())
    assert await store.fire_due(20_999) == 21_000
    assert await store.fire_due(21_000) is None
    assert await store.fire_due(99_000) is None
    (message,) = await elapsed(store)
    assert message.id == "timer/hibari/hold/3"
    assert isinstance(message.command, ElapseTimer)
    assert (message.command.service, message.command.kind, message.command.epoch) == (SERVICE, TimerKind.HOLD, 3)


async def test_deciding_the_message_sets_the_next_timer(store: Store) -> None:
    """The end of the first hold starts the second step, whose hold replaces the fired timer."""
    await handle(store, installed() + rolling())
    await store.fire_due(21_000)
    done = await handle(store, await elapsed(store))
    assert [event_type(fact.event) for fact in done.facts] == ["StepStarted", "RouteSet"]
    assert await store.fire_due(0) == 120_000
    assert [(row["kind"], row["epoch"]) for row in await rows(store, tables.timers)] == [("hold", 4)]


async def test_a_stale_timer_vanishes(store: Store) -> None:
    """After a rollback nothing is waited for, and the hold that would have ended never fires."""
    await handle(store, installed() + rolling())
    await handle(store, [alert("1.5.0", 12_000)])
    assert await rows(store, tables.timers) == []
    assert await store.fire_due(999_999) is None
    assert await elapsed(store) == []


async def test_a_message_of_a_stale_timer_is_quiet(store: Store) -> None:
    """A timer that fired just before the rollback changes nothing after it."""
    await handle(store, installed() + rolling())
    await store.fire_due(21_000)
    late = await elapsed(store)
    await handle(store, [alert("1.5.0", 20_000)])
    assert (await handle(store, late)).facts == ()


async def test_two_clocks_fire_a_timer_once(store: Store, url: str, opened: Opened) -> None:
    """Two processes that fire at the same moment leave one message."""
    other = await opened(url)
    await handle(store, [requested("1.4.0", 1_000, service=f"voice-{number}") for number in range(20)])
    await asyncio.gather(*(one.fire_due(61_000) for one in (store, other) for _ in range(4)))
    assert len(await elapsed(store)) == 20


async def test_setting_a_timer_wakes_its_keeper(store: Store, url: str, opened: Opened) -> None:
    """A request decided elsewhere ends the keeper's sleep, so an earlier deadline is never overslept."""
    other = await opened(url)
    await store.wait_for_timers(0.05)
    await store.wait_for_timers(0.05)
    sleeper = asyncio.create_task(store.wait_for_timers(10))
    await asyncio.sleep(0.05)
    await handle(other, [requested("1.4.0")])
    async with asyncio.timeout(5):
        assert await sleeper is True


async def test_firing_wakes_the_relay(store: Store) -> None:
    """A fired timer's message does not wait for the relay's next sweep."""
    await handle(store, [requested("1.4.0", 1_000)])
    await store.wait_for_outbox(0.05)
    await store.wait_for_outbox(0.05)
    await store.fire_due(61_000)
    async with asyncio.timeout(5):
        assert await store.wait_for_outbox(10) is True


async def test_a_timer_row_says_when_in_words_that_sql_can_ask(store: Store) -> None:
    """`due_at` is the same moment as `due_ms`."""
    await handle(store, [requested("1.4.0", 1_000)])
    (row,) = await rows(store, tables.timers)
    assert (row["due_ms"], row["due_at"]) == (61_000, 61_000)
    assert (await views.service(store, SERVICE)) is not None
    assert len(await outgoing(store)) == 1
