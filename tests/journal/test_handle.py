"""Nothing lost, nothing decided twice."""

import asyncio
import time
import tracemalloc
from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy import Connection, select

from controller.core.commands import ReportAlert
from controller.core.errors import Malformed, Unavailable
from controller.core.state import table
from controller.core.stream import begin, fold
from controller.handle import Handled, Outcome, handle
from controller.journal import Store, tables, views
from controller.wire.codec import event_type, state_json, table_from, table_json
from controller.wire.inbound import Input, rejected
from controller.wire.messages import MessageType
from controller.wire.topics import Topic
from tests.journal.conftest import NewUrl, Opened
from tests.journal.messages import (
    SERVICE,
    alert,
    applied,
    installed,
    ordered,
    ready,
    requested,
    rolling,
    unreadable,
)
from tests.journal.sight import outgoing, rows, statements


def kinds(handled: Handled) -> list[str]:
    return [event_type(fact.event) for fact in handled.facts]


async def test_a_firing_alert_takes_the_candidate_back(store: Store) -> None:
    """One alert makes four facts, and the table that leaves the store sends everybody to stable."""
    await handle(store, installed() + rolling())
    done = await handle(store, [alert("1.5.0", 20_000)])
    assert kinds(done) == ["AlertMatched", "RolloutAborted", "RouteSet", "ReleaseQuarantined"]
    tables_out = [table_from(body) for topic, _, body in await outgoing(store) if topic == Topic.TABLE]
    assert [arm.weight_bp for arm in tables_out[-1].arms] == [10_000]


async def test_facts_are_appended_once(store: Store) -> None:
    """Handling returns the facts that are in the journal, in positions 1, 2, 3 without gaps."""
    done = await handle(store, installed() + rolling())
    written = [fact async for fact in views.facts(store, SERVICE)]
    assert written == list(done.facts)
    assert [fact.position for fact in written] == list(range(1, len(written) + 1))


async def test_a_message_that_comes_again_is_quiet(store: Store) -> None:
    """A redelivered batch adds no fact, no outbox row and no inbox row."""
    batch = [*installed(), *rolling(), alert("1.5.0", 20_000)]
    await handle(store, batch)
    before = (await outgoing(store), await rows(store, tables.inbox), await rows(store, tables.journal))
    again = await handle(store, batch)
    assert again == Handled((Outcome.DUPLICATE,) * len(batch), ())
    assert (await outgoing(store), await rows(store, tables.inbox), await rows(store, tables.journal)) == before


async def test_a_store_that_was_never_restored_is_asked_for_no_restored_names(store: Store) -> None:
    """A lone message costs one look into the inbox, for the one name that it has."""
    await handle(store, installed())
    await handle(store, [ready("1.4.0", 9_000)])
    with statements() as said:
        await handle(store, [ready("1.4.0", 9_500)])
    (looked,) = [values for text, values in said if "FROM inbox" in text]
    assert list(looked) == [ready("1.4.0", 9_500).source, ready("1.4.0", 9_500).id]


async def test_a_batch_is_looked_for_by_the_index(store: Store) -> None:
    """However many messages there were, those of a batch are found without going through the others."""
    with statements() as said:
        await handle(store, rolling())
    (asked,) = [(text, values) for text, values in said if text.startswith("SELECT inbox.source")]
    plan = await store.read(lambda connection: _planned(connection, *asked))
    assert not [line for line in plan if "SCAN inbox" in line or "Seq Scan" in line], plan


def _planned(connection: Connection, text: str, values: tuple[str, ...]) -> list[str]:
    postgres = connection.dialect.name == "postgresql"
    if postgres:  # of a table as small as this one it would read all
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    verb = "EXPLAIN" if postgres else "EXPLAIN QUERY PLAN"
    return [str(row) for row in connection.exec_driver_sql(f"{verb} {text}", values)]


async def test_a_message_twice_in_one_batch_is_decided_once(store: Store) -> None:
    """Only the first of two equal messages in a batch counts."""
    twice = requested("1.4.0")
    done = await handle(store, [twice, twice])
    assert done.outcomes == (Outcome.DECIDED, Outcome.DUPLICATE)
    assert kinds(done) == ["RolloutStarted"]


async def test_the_same_id_from_another_source_is_another_message(store: Store) -> None:
    """Source and id together name a message."""
    first = alert("1.4.0", 3_000, id="7")
    done = await handle(store, [first, replace(first, source="elsewhere")])
    assert done.outcomes == (Outcome.DECIDED, Outcome.DECIDED)


async def test_what_changes_nothing_is_remembered_too(store: Store) -> None:
    """A quiet message leaves no fact, and still stands in the inbox with its number of facts, none."""
    await handle(store, installed())
    done = await handle(store, [ready("1.4.0", 9_000)])
    assert done == Handled((Outcome.QUIET,), ())
    assert (await rows(store, tables.inbox))[-1]["facts"] == 0


async def test_a_service_of_which_nothing_is_known_leaves_no_trace_when_quiet(store: Store) -> None:
    """A message that means nothing for an unknown service makes no service of it."""
    done = await handle(store, [ready("1.4.0", service="nobody")])
    assert done.outcomes == (Outcome.QUIET,)
    assert await views.service(store, "nobody") is None
    assert (await handle(store, installed("nobody"))).facts[0].position == 1


async def test_an_empty_batch_is_nothing(store: Store) -> None:
    """No message, no transaction, no outcome."""
    assert await handle(store, []) == Handled()


async def test_a_batch_of_many_services_is_one_transaction(store: Store) -> None:
    """Messages of several services are decided in their order, each service in a stream of its own."""
    names = [f"voice-{number}" for number in range(30)]
    batch = [message for name in names for message in installed(name)]
    done = await handle(store, batch)
    assert set(done.outcomes) == {Outcome.DECIDED}
    assert [one.service for one in await views.services(store)] == sorted(names)
    assert all(one.position == 4 and one.state.epoch == 1 for one in await views.services(store))


async def test_a_batch_may_be_of_any_size(store: Store) -> None:
    """More than a thousand messages at once are decided as few are; when they come again, all of them are known."""
    batch = [message for number in range(600) for message in installed(f"voice-{number}")]
    assert len(batch) > 1_000
    assert set((await handle(store, batch)).outcomes) == {Outcome.DECIDED}
    assert set((await handle(store, batch)).outcomes) == {Outcome.DUPLICATE}


async def test_batch_boundaries_mean_nothing(store: Store, kind: str, new_url: NewUrl, opened: Opened) -> None:
    """One batch of everything and one batch a message give the same journal."""
    batch = [*installed(), *rolling(), alert("1.5.0", 20_000), requested("1.5.0", 30_000), applied(3, 31_000)]
    await handle(store, batch)
    other = await opened(await new_url(kind))
    for one in batch:
        await handle(other, [one])
    assert await rows(other, tables.journal) == await rows(store, tables.journal)
    assert await rows(other, tables.services) == await rows(store, tables.services)


async def test_another_process_state_is_never_trusted_stale(store: Store, url: str, opened: Opened) -> None:
    """What a process folded before is dropped when another one wrote since."""
    await handle(store, installed() + rolling())
    other = await opened(url)
    await handle(other, [alert("1.5.0", 20_000)])
    assert kinds(await handle(store, [ordered(MessageType.PROMOTE, 21_000)])) == ["OrderRefused"]


async def test_a_row_says_what_the_facts_say_whether_its_state_was_written_again_or_not(
    store: Store, url: str, opened: Opened
) -> None:
    """Facts that leave the state as it is move the row's place alone, whoever changed the state before or between."""
    other = await opened(url)
    await handle(store, installed() + rolling())
    turns = [
        *[(store, alert("9.9.9", 20_000)), (store, alert("9.9.9", 21_000)), (other, alert("9.9.9", 22_000))],
        *[(other, alert("9.9.9", 23_000)), (store, alert("1.5.0", 24_000)), (other, alert("9.9.9", 25_000))],
        *[(store, alert("9.9.9", 26_000)), (other, requested("1.6.0", 27_000)), (store, alert("9.9.9", 28_000))],
    ]
    for decider, message in turns:
        await handle(decider, [message])
        folded = fold(begin(SERVICE), [fact async for fact in views.facts(store, SERVICE)])
        (row,) = await rows(store, tables.services)
        assert (row["position"], row["at_ms"]) == (folded.position, folded.at_ms)
        assert (row["epoch"], row["state"].encode()) == (folded.state.epoch, state_json(folded.state))


async def test_the_snapshot_is_the_fold_of_the_facts(store: Store) -> None:
    """A service's row holds exactly the state, and the route exactly the table, that its facts fold to."""
    await handle(store, [*installed(), *rolling(), alert("1.5.0", 20_000), requested("1.6.0", 30_000)])
    folded = fold(begin(SERVICE), [fact async for fact in views.facts(store, SERVICE)])
    (row,) = await rows(store, tables.services)
    assert row["state"].encode() == state_json(folded.state)
    assert (await rows(store, tables.routes))[-1]["body"].encode() == table_json(table(folded.state))


async def test_the_inbox_keeps_the_message_itself_and_the_order_of_deciding(store: Store) -> None:
    """Key, value, headers, time and place come back as they were, and each row says which facts followed."""
    batch = [*installed(), *rolling()]
    await handle(store, batch)
    kept = await rows(store, tables.inbox)
    assert [(row["source"], row["id"]) for row in kept] == [(one.source, one.id) for one in batch]
    assert [(row["key"], row["value"], row["sent_ms"]) for row in kept] == [
        (one.record.key, one.record.value, one.sent_ms) for one in batch
    ]
    assert kept[0]["headers"] == '[["content-type", "YXBwbGljYXRpb24vY2xvdWRldmVudHMranNvbg=="]]'
    position = 0
    for row in kept:
        assert row["position"] == position
        position += row["facts"]
    assert position == (await views.services(store))[0].position


async def test_a_rejected_message_is_a_fact_and_a_dead_letter(store: Store) -> None:
    """Reason, origin and bytes of what could not be read are in the store and on their way to `dead.letters`."""
    record = unreadable()
    done = await handle(store, [rejected(record, Malformed("message is no JSON"))])
    assert done.outcomes == (Outcome.REJECTED,)
    assert kinds(done) == ["MessageRejected"]
    (letter,) = await views.dead_letters(store)
    assert (letter.letter, letter.reason) == ("rollout.requested/2/17", "message is no JSON")
    assert (letter.topic, letter.partition, letter.offset) == (Topic.REQUESTED, 2, 17)
    assert (letter.key, letter.value, letter.headers) == (record.key, record.value, record.headers)
    assert letter == await views.dead_letter(store, letter.letter)
    (sent,) = [body for topic, _, body in await outgoing(store) if topic == Topic.DEAD]
    assert b'"reason":"message is no JSON"' in sent
    assert b'"value_base64":"eyJzZXJ2aWNlIjogImhpYmFyaSI="' in sent
    assert (await handle(store, [rejected(record, Malformed("message is no JSON"))])).outcomes == (Outcome.DUPLICATE,)


async def test_a_huge_rejected_message_fits_its_dead_letter(store: Store) -> None:
    """Bytes too many for the topic stay in the inbox; the letter says how many they were."""
    record = unreadable(b"\x00" * 3_000_000)
    await handle(store, [rejected(record, Malformed("too long"))])
    (sent,) = [body for topic, _, body in await outgoing(store) if topic == Topic.DEAD]
    assert b'"value_base64":null,"value_bytes":3000000' in sent
    letter = await views.dead_letter(store, "rollout.requested/2/17")
    assert letter is not None
    assert letter.value == record.value


async def test_huge_headers_and_keys_fit_their_dead_letter(store: Store) -> None:
    """However a sender fills a record, its letter is no longer than the topic takes: one that is stops the relay."""
    heavy = replace(unreadable(offset=18), headers=(("x" * 100_000, b"\x00" * 4_000_000),))
    keyed = replace(unreadable(offset=19), key=b"\x00" * 4_000_000)
    await handle(store, [rejected(record, Malformed("too long")) for record in (heavy, keyed)])
    sent = [body for topic, _, body in await outgoing(store) if topic == Topic.DEAD]
    assert [len(body) < 4_000_000 for body in sent] == [True, True]
    assert [(one.key, one.headers) for one in await views.dead_letters(store)] == [
        (record.key, record.headers) for record in (heavy, keyed)
    ]


async def test_huge_headers_are_kept_in_the_store_alone(store: Store) -> None:
    """Once their messages are decided nothing of them stays in memory."""
    records = [replace(unreadable(offset=number), headers=(("x", bytes([number]) * 1_000_000),)) for number in range(8)]
    messages = [rejected(record, Malformed("no message")) for record in records]
    tracemalloc.start()
    await handle(store, messages)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 4_000_000


async def test_a_topic_made_anew_gives_new_letters(store: Store) -> None:
    """After Kafka has lost its data another message at the place of an old letter is no repetition of that one."""
    old, new = unreadable(b"old"), replace(unreadable(b"new"), timestamp_ms=9_000)
    for record in (old, new):
        assert (await handle(store, [rejected(record, Malformed("no JSON"))])).outcomes == (Outcome.REJECTED,)
    assert [one.value for one in await views.dead_letters(store)] == [b"old", b"new"]
    newest = await views.dead_letter(store, "rollout.requested/2/17")
    assert newest is not None
    assert newest.value == b"new"


def undecidable() -> Input:
    """A message on which deciding raises, as only a mistake of ours can make it."""
    good = alert("1.5.0", 20_000, id="poison")
    assert isinstance(good.command, ReportAlert)
    # About no release in particular, so that its labels are asked for in every state.
    return replace(good, command=replace(good.command, release="", labels=cast("dict[str, str]", None)))


async def test_a_message_that_breaks_deciding_costs_no_neighbour(store: Store) -> None:
    """It becomes a dead letter with the error as its reason; what stands before and after it is decided."""
    batch = [*installed(), *rolling(), undecidable(), alert("1.5.0", 21_000)]
    done = await handle(store, batch)
    assert done.outcomes == (Outcome.DECIDED,) * 4 + (Outcome.REJECTED, Outcome.DECIDED)
    assert kinds(done)[-5:] == ["MessageRejected", "AlertMatched", "RolloutAborted", "RouteSet", "ReleaseQuarantined"]
    (letter,) = await views.dead_letters(store)
    assert letter.reason.startswith("could not be decided: AttributeError(")
    assert (await handle(store, batch)).outcomes == (Outcome.DUPLICATE,) * 6


async def test_handling_gives_up_as_unavailable_and_keeps_nothing(store: Store) -> None:
    """When every attempt meets a taken position, the messages are neither decided nor acknowledged."""
    await handle(store, installed())
    before = await rows(store, tables.inbox)
    # A head that fell behind its journal: no attempt can ever write.
    genesis = {"position": 0, "head_hash": "0" * 64, "state": state_json(begin(SERVICE).state).decode(), "at_ms": 0}
    await store.write(lambda connection: connection.execute(tables.services.update().values(**genesis)))
    with pytest.raises(Unavailable, match="were not decided in 8 attempts"):
        await handle(store, [requested("1.5.0", 10_000)])
    assert await rows(store, tables.inbox) == before


async def test_two_first_deciders_of_a_service_both_get_their_turn(store: Store, url: str, opened: Opened) -> None:
    """Where there is no row to lock yet, the slower one meets a conflict, decides again, and nothing is lost."""
    other = await opened(url)
    names = [f"voice-{number}" for number in range(20)]
    await asyncio.gather(
        *(handle(store, [alert("1.4.0", 3_000, service=name)]) for name in names),
        *(handle(other, [alert("1.4.0", 4_000, service=name)]) for name in names),
    )
    assert [one.position for one in await views.services(store)] == [2] * len(names)


async def test_facts_are_written_down_by_the_databases_clock(
    new_url: NewUrl, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL a decider whose clock is set ahead while it runs notes the same time as all others."""
    store = await opened(await new_url("postgresql"))
    now_ns = time.time_ns
    began_ms = now_ns() // 1_000_000
    await handle(store, [requested("1.4.0", began_ms)])
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + 3_600_000_000_000)
    await handle(store, [ready("1.4.0", began_ms)])
    noted = await store.rows(select(tables.journal.c.recorded_at), {})
    assert max(row.recorded_at for row in noted) < began_ms + 600_000


async def test_a_decider_that_slept_asks_for_the_time_anew(
    new_url: NewUrl, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the time is carried on for a minute, but not past a sleep, which no monotonic clock counts."""
    store = await opened(await new_url("postgresql"))
    now_ns = time.time_ns
    began_ms = now_ns() // 1_000_000
    await handle(store, [requested("1.4.0", began_ms)])
    with statements() as said:
        await handle(store, [ready("1.4.0", began_ms)])
        assert not [text for text, _ in said if "clock_timestamp" in text]
        monkeypatch.setattr(time, "time_ns", lambda: now_ns() + 30_000_000_000)
        await handle(store, [requested("1.5.0", began_ms)])
        assert [text for text, _ in said if "clock_timestamp" in text]
