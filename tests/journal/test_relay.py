"""What is committed reaches the relay: once a crash is over, at once when all is well, and by one relay at a time."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from controller.handle import handle
from controller.journal import Store
from controller.wire.codec import fact_from_message, table_from
from controller.wire.envelope import HEADERS
from controller.wire.topics import Topic
from tests.journal.conftest import NewUrl, Opened
from tests.journal.messages import SERVICE, alert, installed, requested, rolling
from tests.journal.process import another
from tests.journal.sight import outgoing


async def test_a_rollback_leaves_with_the_table_first(store: Store) -> None:
    """Where traffic goes now stands before the facts that say why; every message has its service as key."""
    await handle(store, installed() + rolling())
    async with store.relay() as relay:
        await relay.delete([row.id for row in await relay.next_batch(100)])
        done = await handle(store, [alert("1.5.0", 20_000)])
        table, *facts = await relay.next_batch(100)
    assert (table.topic, table.key) == (Topic.TABLE, SERVICE.encode())
    assert table.headers == (("content-type", b"application/json"), ("epoch", b"3"))
    assert table_from(table.body).epoch == 3
    assert {(row.topic, row.key, row.headers) for row in facts} == {(Topic.JOURNAL, SERVICE.encode(), HEADERS)}
    assert tuple(fact_from_message(row.body)[0] for row in facts) == done.facts


async def test_published_facts_carry_the_chain_of_the_journal(store: Store) -> None:
    """The hashes in the messages link each fact to the one before it, from the first."""
    await handle(store, installed() + rolling())
    last = "0" * 64
    for topic, _, body in await outgoing(store):
        if topic == Topic.JOURNAL:
            _, prev_hash, hash = fact_from_message(body)
            assert prev_hash == last
            last = hash


async def test_rows_stay_until_they_are_deleted(store: Store) -> None:
    """A batch that was read and not deleted is read again, from its first row; a deleted one never."""
    await handle(store, installed())
    async with store.relay() as relay:
        first = await relay.next_batch(3)
        assert await relay.next_batch(3) == first
        await relay.delete([row.id for row in first])
        rest = await relay.next_batch(100)
        assert rest
        assert not {row.id for row in first} & {row.id for row in rest}
        await relay.delete([row.id for row in rest])
        assert await relay.next_batch(100) == []


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_what_the_relay_forgets_waits_for_no_disk(store: Store) -> None:
    """PostgreSQL may write it down later than it says so: at the worst, what was published is so again."""
    await handle(store, installed())
    unwritten = 0
    async with store.relay() as relay:
        for number in range(20):
            await handle(store, [alert("9.9.9", 20_000 + number)])
            await relay.delete([row.id for row in await relay.next_batch(100)])
            unwritten += await store.read(lambda connection: connection.scalar(_UNWRITTEN) or 0)
    assert unwritten > 10, "the server writes by itself now and then"


_UNWRITTEN = text("SELECT (pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn())::int")


async def test_a_late_committer_is_not_skipped(new_url: NewUrl, opened: Opened) -> None:
    """
    On PostgreSQL a transaction may take its outbox id first and commit last: its row is published after larger ones.

    (SQLite has one writer at a time, so there ids are in the order of commits.)
    """
    url = await new_url("postgresql")
    store = await opened(url)
    late = await asyncpg.connect(url.replace("+asyncpg", ""))
    transaction = late.transaction()
    await transaction.start()
    small = await late.fetchval(
        "INSERT INTO outbox (shard, topic, key, body, headers) "
        "VALUES (0, 'rollout.journal', 'k', 'late', '[]') RETURNING id"
    )
    await handle(store, installed())
    async with store.relay() as relay:
        published = await relay.next_batch(100)
        assert min(row.id for row in published) > small
        await relay.delete([row.id for row in published])
        await transaction.commit()
        assert [(row.id, row.body) for row in await relay.next_batch(100)] == [(small, b"late")]
    await late.close()


async def test_a_crash_between_commit_and_publish_loses_nothing(store: Store, url: str) -> None:
    """What a process committed before it was killed is there for the next relay."""
    with another("commit-and-die", url) as child:
        assert await asyncio.to_thread(child.wait, 20) == -9
    assert [topic for topic, _, _ in await outgoing(store)] == [Topic.TABLE] + [Topic.JOURNAL] * 4


async def test_only_one_relay_works_and_the_next_takes_over_when_it_dies(store: Store, url: str) -> None:
    """While another process relays ours waits; within a second of its death ours works."""
    with another("relay", url) as child:
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == "relaying\n"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), store.relay():
                pass
        child.kill()
        began = time.monotonic()
        async with asyncio.timeout(10), store.relay():
            assert time.monotonic() - began < 1


async def test_a_relay_that_stands_still_loses_its_turn(store: Store, url: str) -> None:
    """A stopped process gives no sign of life: another takes over within seconds, and the first is told on waking."""
    with another("relay-on", url) as child:
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == "relaying\n"
        child.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(8), store.relay() as relay:
            child.send_signal(signal.SIGCONT)
            assert await asyncio.to_thread(child.stdout.readline) == "lost\n"
            await relay.next_batch(1)


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_a_relay_that_stands_still_amid_a_statement_loses_its_turn(store: Store, url: str) -> None:
    """PostgreSQL, which waits for the rest of it, does not call that session idle."""
    holder = await asyncpg.connect(url.replace("+asyncpg", ""))
    await holder.execute("SELECT pg_advisory_lock(5683527, 0); CREATE TEMPORARY TABLE given (line text)")
    try:
        standing = asyncio.create_task(holder.copy_to_table("given", source=_nothing()))
        async with asyncio.timeout(8), store.relay() as relay:
            await relay.next_batch(1)
        assert holder.is_closed()
    finally:
        holder.terminate()
        standing.cancel()
        await asyncio.gather(standing, return_exceptions=True)


async def _nothing() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def test_a_relay_that_has_nothing_to_do_keeps_its_turn(store: Store, url: str) -> None:
    """An idle relay gives signs of life by itself, however long it waits."""
    with another("relay", url) as child:
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == "relaying\n"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.5), store.relay():
                pass


async def test_one_process_does_not_relay_twice(store: Store) -> None:
    """The turn is the relay's, not the process's; it falls free when the relay ends."""
    async with store.relay():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), store.relay():
                pass
    async with asyncio.timeout(5), store.relay():
        pass


async def test_an_error_of_the_relays_own_stays_what_it_is(store: Store) -> None:
    """What fails inside the turn, such as Kafka, is not blamed on the database."""
    with pytest.raises(ConnectionRefusedError):
        async with store.relay():
            raise ConnectionRefusedError("Kafka")


async def test_a_commit_wakes_the_relay_at_once(store: Store, url: str, opened: Opened) -> None:
    """Another store's commit ends a sleep of ten seconds within a few hundredths of one."""
    other = await opened(url)
    await store.wait_for_outbox(0.05)
    await store.wait_for_outbox(0.05)
    sleeper = asyncio.create_task(store.wait_for_outbox(10))
    await asyncio.sleep(0.1)
    assert not sleeper.done()
    await handle(other, [requested("1.4.0")])
    committed = time.monotonic()
    assert await sleeper is True
    assert time.monotonic() - committed < 0.1


async def test_a_commit_before_the_sleep_is_not_slept_through(store: Store) -> None:
    """What changed since the last look ends the next sleep before it begins."""
    await store.wait_for_outbox(0.05)
    await store.wait_for_outbox(0.05)
    await handle(store, [requested("1.4.0")])
    async with asyncio.timeout(5):
        assert await store.wait_for_outbox(10) is True


async def test_a_sleep_without_news_ends_by_itself(store: Store) -> None:
    """The relay's sweep does not depend on being woken."""
    await store.wait_for_outbox(0.05)
    assert await store.wait_for_outbox(0.05) is False


async def test_two_sleepers_of_one_store_both_go_on(store: Store, url: str, opened: Opened) -> None:
    """A second process that sleeps on the same bell is never stuck, though it may look by itself."""
    other = await opened(url)
    await store.wait_for_outbox(0.05)
    assert await other.wait_for_outbox(0.2) in (True, False)
