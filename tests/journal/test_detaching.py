"""Old months leave the journal on PostgreSQL and come back, and what is left is still proven."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from controller.backtest.recorded import read_record
from controller.core.errors import Broken, Malformed
from controller.handle import handle
from controller.journal import Store, tables
from controller.journal.checkpoints import keep, latest, lost
from controller.journal.closing import closing, unsigned
from controller.journal.detaching import attach, detach, held
from controller.journal.facts import recorded
from controller.journal.rebuild import rebuild
from controller.outside.kafka import ensure_topics, publish
from controller.outside.signing import Signer, Trusted, distrusted, make_key, read_signer
from controller.parts.kafka import start_kafka
from controller.proof.chain import Copy, Tampering
from controller.proof.look import verify
from controller.redecide import redecide
from controller.replay import replay_sql
from controller.wire.checkpoint import Checkpoint
from controller.wire.codec import fact_message
from controller.wire.topics import Topic
from tests.journal.conftest import Opened
from tests.journal.messages import SERVICE, alert, installed, rolling
from tests.journal.sight import READ_TABLES, rows, sight, statements
from tests.journal.tampering import UNLOCKED, say

NOW_MS = 2**41
"""Long after all that is told here."""


def in_2026(month: int) -> int:
    """Return a time in a month of that year, milliseconds since 1970 UTC."""
    return int(datetime(2026, month, 10, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def kind() -> str:
    """SQLite's journal is one table."""
    return "postgresql"


@pytest.fixture
async def lived(store: Store) -> Store:
    """A store whose first month was January 2026, with facts of three months; `idle` decided nothing since."""
    table = str((await store.rows(text("SELECT name FROM segue_journal_months()"), {}))[0][0])
    for statement in (
        f"ALTER TABLE journal DETACH PARTITION {table}",
        f"ALTER TABLE {table} RENAME TO journal_until_2026_01",
        "ALTER TABLE journal ATTACH PARTITION journal_until_2026_01 FOR VALUES FROM (MINVALUE) TO ('2026-02-01Z')",
        *(f"DROP TABLE {name}" for (name,) in (await store.rows(_OTHERS, {"first": table}))),
        "SELECT segue_journal_ahead()",
    ):
        await say(store, statement)
    await handle(store, [*installed(), *installed("idle")])
    for month in (2, 3):
        at_ms = in_2026(month)
        await handle(store, [*rolling(f"1.{month + 3}.0", at_ms), alert(f"1.{month + 3}.0", at_ms + 2_000)])
    return store


async def signed(store: Store, signer: Signer) -> list[Checkpoint]:
    """Sign what has grown, and close the months that are over."""
    last, made = await latest(store, signer.name), list[Checkpoint]()
    for one in await unsigned(store, signer.name, NOW_MS):
        last = signer.sign(one.service, one.position, one.hash, 9_000, last)
        made.append(last)
    await keep(store, made)
    return made


def believed(trusted: Trusted, one: Checkpoint) -> bool:
    """Say whether a checkpoint is believed."""
    return not distrusted(one, trusted)


async def test_each_month_that_is_over_is_closed_once(lived: Store, signer: Signer) -> None:
    """The last fact of every stream in it is signed, whatever came after it."""
    made = await signed(lived, signer)
    assert sorted((one.service, one.position) for one in made) == [
        (SERVICE, 4),
        (SERVICE, 12),
        (SERVICE, 20),
        ("idle", 4),
    ]
    assert await closing(lived, signer.name, NOW_MS) == []


async def test_a_month_that_is_closed_is_not_asked_again(
    lived: Store, signer: Signer, url: str, opened: Opened, tmp_path: Path
) -> None:
    """Nor by a process that starts later; another key has closed none, and has to sign them all."""

    async def looked_up(store: Store, key: str) -> tuple[int, int]:
        with statements() as said:
            found = await closing(store, key, NOW_MS)
        return len(found), sum("LATERAL" in text and "FROM journal" in text for text, _ in said)

    partitions = len(await held(lived, lambda _: True))
    assert await looked_up(lived, signer.name) == (4, partitions)
    await signed(lived, signer)
    assert await looked_up(lived, signer.name) == (0, partitions)
    assert await looked_up(await opened(url), signer.name) == (0, partitions - 3)
    make_key(tmp_path / "next.pem")
    following = read_signer(str(tmp_path / "next.pem"))
    assert await looked_up(lived, following.name) == (4, partitions)
    assert len(await signed(lived, following)) == 4


async def test_what_is_decided_late_into_a_closed_month_is_closed_as_well(lived: Store, signer: Signer) -> None:
    """Also when what came after it is there before anybody looks."""
    await signed(lived, signer)
    assert await closing(lived, signer.name, NOW_MS) == []
    in_time = await handle(lived, [alert("1.6.0", in_2026(4))])
    late = await handle(lived, [alert("1.4.0", in_2026(2), service="idle")])
    after = await handle(lived, [alert("1.4.0", in_2026(4), service="idle")])
    assert sorted((one.service, one.position) for one in await signed(lived, signer)) == [
        (SERVICE, in_time.facts[-1].position),
        ("idle", late.facts[-1].position),
        ("idle", after.facts[-1].position),
    ]
    assert await closing(lived, signer.name, NOW_MS) == []


async def test_a_month_is_detached_and_the_rest_is_still_proven(lived: Store, signer: Signer, trusted: Trusted) -> None:
    """What follows begins at what was signed; a stream that has nothing else is vouched for as well."""
    await signed(lived, signer)
    assert [(one.month.name, one.facts, one.open) for one in await held(lived, partial(believed, trusted))][:3] == [
        ("2026-01", 8, 0),
        ("2026-02", 8, 0),
        ("2026-03", 8, 0),
    ]
    await detach(lived, "2026-01", partial(believed, trusted))
    found = await verify(lived, trusted=trusted)
    assert (found.findings, found.sql_facts, found.detached) == ((), 16, 8)
    assert await lost(lived, signer.name) == []
    assert (await handle(lived, [alert("1.4.0", NOW_MS, service="idle"), alert("1.4.0", NOW_MS)])).facts
    assert (await verify(lived, trusted=trusted)).findings == ()
    assert len(await signed(lived, signer)) == 2


async def test_what_begins_at_no_signed_word_was_removed(lived: Store, signer: Signer, trusted: Trusted) -> None:
    """Whoever deletes facts behind a detached month is found, and so is he who detaches without a checkpoint."""
    await signed(lived, signer)
    await detach(lived, "2026-01", partial(believed, trusted))
    unsigned = {(one.tampering, one.stream) for one in (await verify(lived)).findings}
    assert unsigned == {(Tampering.REMOVED, SERVICE), (Tampering.CUT, "idle")}
    for statement in (*UNLOCKED["postgresql"], f"DELETE FROM journal WHERE stream = '{SERVICE}' AND position < 7"):
        await say(lived, statement)
    (removed,) = (await verify(lived, trusted=trusted)).findings
    assert (removed.tampering, removed.stream, removed.position) == (Tampering.REMOVED, SERVICE, 1)


async def test_what_kafka_has_of_a_month_that_is_there_was_removed(
    lived: Store, signer: Signer, trusted: Trusted, tmp_path: Path
) -> None:
    """Whoever deletes up to a signed word looks like one who detached, but for the times that Kafka knows."""
    await signed(lived, signer)
    with start_kafka(tmp_path / "kafka") as broker:
        ensure_topics(broker.bootstrap)
        async for one in recorded(lived):
            message = fact_message(one.fact, one.hash, one.prev_hash)
            publish(broker.bootstrap, Topic.JOURNAL, one.stream, message)
        await say(lived, "DELETE FROM outbox")
        await detach(lived, "2026-01", partial(believed, trusted))
        assert (await verify(lived, broker.bootstrap, trusted=trusted)).findings == ()
        for statement in (*UNLOCKED["postgresql"], f"DELETE FROM journal WHERE stream = '{SERVICE}' AND position < 13"):
            await say(lived, statement)
        found = (await verify(lived, broker.bootstrap, trusted=trusted)).findings
    assert [(one.copy, one.tampering, one.position) for one in found] == [
        (Copy.SQL, Tampering.REMOVED, position) for position in range(5, 13)
    ]


async def test_all_that_needs_every_fact_names_what_is_missing(lived: Store, signer: Signer, trusted: Trusted) -> None:
    """A state from half a history would be wrong; what is live is left as it is."""
    await signed(lived, signer)
    before = await sight(lived, *READ_TABLES)
    await detach(lived, "2026-01", partial(believed, trusted))
    everything = (rebuild(lived), replay_sql(lived), replay_sql(lived, SERVICE))
    for work in (*everything, redecide(lived, SERVICE), read_record(lived, SERVICE)):
        told = r"begins at 2026-02, and facts of .*hibari.* are older \(journal_until_2026_01 lie.* `segue db attach`"
        with pytest.raises(Broken, match=told):
            await work
    assert await sight(lived, *READ_TABLES) == before


async def test_a_month_comes_back_as_it_was(lived: Store, signer: Signer, trusted: Trusted) -> None:
    """With what was decided too late for it meanwhile, in order, from the youngest on."""
    await signed(lived, signer)
    believes = partial(believed, trusted)
    await handle(lived, [alert("1.4.0", 3_000, service="late")])
    await signed(lived, signer)
    for month in ("2026-01", "2026-02"):
        await detach(lived, month, believes)
    await handle(lived, [alert("1.4.0", 4_000, service="late")])
    before = {tuple(row.items()) for row in await rows(lived, tables.journal)}
    with pytest.raises(Broken, match="begins at 2026-03: attach the months between first"):
        await attach(lived, "2026-01")
    for month in ("2026-02", "2026-01"):
        await attach(lived, month)
    (end,) = await closing(lived, signer.name, NOW_MS)
    assert end.service == "late"
    facts = await rows(lived, tables.journal)
    assert before < {tuple(row.items()) for row in facts}
    assert (await verify(lived, trusted=trusted)).findings == ()
    assert (await rebuild(lived)).facts == len(facts) == 26
    with pytest.raises(Broken, match="append-only"):
        await say(lived, "DELETE FROM journal_until_2026_01")
    with pytest.raises(Broken, match=r"no detached month 2025-12 .* pg_restore"):
        await attach(lived, "2025-12")


async def test_a_month_stays_while_it_is_needed(lived: Store, signer: Signer, trusted: Trusted) -> None:
    """Until checkpoints close it, until its rollouts have ended, until it is over, and until older ones went."""
    believes = partial(believed, trusted)
    with pytest.raises(Broken, match=r"no trusted checkpoint vouches for hibari/4, idle/4, where 2026-01 ends"):
        await detach(lived, "2026-01", believes)
    await signed(lived, signer)
    with pytest.raises(Broken, match="vouches for hibari/4"):
        await detach(lived, "2026-01", lambda _: False)
    with pytest.raises(Broken, match="2026-02 is not the journal's oldest month: that is 2026-01"):
        await detach(lived, "2026-02", believes)
    with pytest.raises(Malformed, match="no month: name it by year and month, such as 2026-01"):
        await detach(lived, "01/2026", believes)
    await handle(lived, rolling("1.9.0", 3_000, service="idle"))
    await signed(lived, signer)
    with pytest.raises(Broken, match="idle-2 still runs and has facts in 2026-01"):
        await detach(lived, "2026-01", believes)


async def test_the_present_month_is_not_over(store: Store) -> None:
    """Nothing is decided into a month that is gone."""
    name = (await held(store, lambda _: True))[0].month.name
    with pytest.raises(Broken, match=f"{name} is not over yet"):
        await detach(store, name, lambda _: True)


_OTHERS = text("SELECT name FROM segue_journal_months() WHERE name <> :first")
