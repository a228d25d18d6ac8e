"""Several deciders of one service take turns: no position is lost or doubled, and what they publish is in order."""

import asyncio
import json
import os
import signal
from collections import defaultdict

import pytest
from sqlalchemy import text

from controller.core.errors import Broken, Conflict
from controller.core.stream import begin, react
from controller.handle import Outcome, handle
from controller.journal import Store, append, tables, views
from controller.journal.heads import Head
from controller.proof.look import Verified, verify
from controller.wire.codec import GENESIS_HASH
from controller.wire.inbound import Input
from controller.wire.topics import Topic
from tests.journal.conftest import NewUrl, Opened
from tests.journal.messages import SERVICE, alert, installed, requested
from tests.journal.process import another
from tests.journal.sight import outgoing, rows
from tests.journal.tampering import say


def assert_in_order(published: list[tuple[str, bytes, bytes]]) -> None:
    """Positions of each service's facts grow by one from row to row of the outbox."""
    positions: defaultdict[bytes, list[int]] = defaultdict(list)
    for topic, key, body in published:
        if topic == Topic.JOURNAL:
            positions[key].append(json.loads(body)["data"]["position"])
    for found in positions.values():
        assert found == list(range(1, len(found) + 1))


async def test_two_processes_race_on_one_service(store: Store, url: str) -> None:
    """120 messages decided by two processes at once stand in 120 positions, each message once, chained and in order."""
    await handle(store, installed())
    with another("decide", url, "left") as left, another("decide", url, "right") as right:
        for child in (left, right):
            assert child.stdout is not None
            assert await asyncio.to_thread(child.stdout.readline) == "here\n"
        for child in (left, right):
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in (left, right):
            assert child.stdout is not None
            assert await asyncio.to_thread(child.stdout.readline) == "done\n"
    facts = [fact async for fact in views.facts(store, SERVICE)]
    assert [fact.position for fact in facts] == list(range(1, 125))
    causes = [fact.cause for fact in facts[4:]]
    assert sorted(causes) == sorted(f"{side}-{number}" for side in ("left", "right") for number in range(60))
    assert await verify(store) == Verified(1, 124, -1, ())
    assert_in_order(await outgoing(store))


async def test_deciders_of_many_services_end_in_no_circle(store: Store, url: str, opened: Opened) -> None:
    """Batches over the same services in opposite orders, from three stores at once, are all decided."""
    names = [f"voice-{number}" for number in range(6)]
    await handle(store, [message for name in names for message in installed(name)])
    stores = [store, await opened(url), await opened(url)]

    def batch(place: int, number: int) -> list[Input]:
        order = names if number % 2 else names[::-1]
        return [alert("1.4.0", 5_000 + number, id=f"{place}-{number}", service=name) for name in order]

    done = await asyncio.gather(
        *(handle(one, batch(place, number)) for place, one in enumerate(stores) for number in range(10))
    )
    assert {outcome for handled in done for outcome in handled.outcomes} == {Outcome.DECIDED}
    assert [one.position for one in await views.services(store)] == [34] * len(names)
    assert_in_order(await outgoing(store))


async def test_one_message_given_to_two_deciders_is_decided_once(store: Store, url: str, opened: Opened) -> None:
    """After a rebalance two consumers may hold one record; only one of them adds facts."""
    other = await opened(url)
    await handle(store, installed())
    for number in range(20):
        twice = alert("1.4.0", 10_000 + number)
        done = await asyncio.gather(handle(store, [twice]), handle(other, [twice]))
        assert sorted(handled.outcomes[0] for handled in done) == [Outcome.DECIDED, Outcome.DUPLICATE]


async def test_a_taken_position_is_a_conflict(store: Store) -> None:
    """Even a writer that took no turn cannot write a position twice."""
    await handle(store, [requested("1.4.0")])
    head = Head(begin(SERVICE), GENESIS_HASH)
    one = requested("1.5.0")
    links, _ = append.chain(head, react(head.history, one.command, one.id, one.sent_ms))
    with pytest.raises(Conflict):
        await store.write(lambda connection: append.append(connection, links, 0))
    assert len(await rows(store, tables.journal)) == 1


async def test_a_death_before_the_commit_leaves_nothing(store: Store, url: str) -> None:
    """Facts of a transaction that died are not there, and the redelivered message is decided as a new one."""
    with another("die-uncommitted", url) as child:
        assert await asyncio.to_thread(child.wait, 20) == -9
    assert await rows(store, tables.journal) == []
    done = await handle(store, [requested("1.4.0")])
    assert [fact.position for fact in done.facts] == [1]


async def test_one_that_stands_still_before_its_commit_holds_its_services_for_seconds(
    new_url: NewUrl, opened: Opened
) -> None:
    """PostgreSQL ends its transaction, another decides, and it finds that when it wakes; who reads has longer."""
    url = await new_url("postgresql")
    store = await opened(url)
    await handle(store, installed())
    with another("stand-still", url) as child:
        seen = await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert seen is not None
        assert seen.si_code == os.CLD_STOPPED
        async with asyncio.timeout(8):
            assert (await handle(store, [alert("1.4.0", 3_000)])).outcomes == (Outcome.DECIDED,)
        child.send_signal(signal.SIGCONT)
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == "duplicate\n"
    ((patience,),) = await store.rows(text("SHOW idle_in_transaction_session_timeout"), {})
    assert patience == "30s"


@pytest.mark.parametrize("statement", ["UPDATE journal SET reason = 'nothing happened'", "DELETE FROM journal"])
async def test_the_database_itself_refuses_to_rewrite_the_journal(store: Store, statement: str) -> None:
    """Neither an update nor a delete of facts gets through, whoever tries."""
    await handle(store, installed())
    before = await rows(store, tables.journal)
    with pytest.raises(Broken, match="the journal is append-only"):
        await say(store, statement)
    assert await rows(store, tables.journal) == before
