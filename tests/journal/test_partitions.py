"""The journal on PostgreSQL: one partition a month, and all that holds for one table holds for them together."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import Connection, insert, select, text

from controller.core.errors import Broken, Conflict
from controller.core.stream import begin, react
from controller.handle import handle
from controller.journal import Store, append, open_store, tables
from controller.journal.database import database
from controller.journal.detaching import attach, detach, held
from controller.journal.facts import recorded
from controller.journal.heads import Head
from controller.journal.partitions import ahead
from controller.journal.rebuild import rebuild
from controller.journal.schema import upgrade
from controller.journal.search import Search, found
from controller.parts.postgres import Postgres
from controller.proof.look import verify
from controller.replay import differing, replay_sql
from controller.wire.codec import GENESIS_HASH
from tests.histories import journal_rows
from tests.journal.conftest import NewUrl, Opened
from tests.journal.messages import SERVICE, alert, installed, requested, rolling
from tests.journal.sight import READ_TABLES, rows, sight
from tests.journal.tampering import say
from tests.journal.test_schema import schema_at


@pytest.fixture
def kind() -> str:
    """SQLite's journal is one table."""
    return "postgresql"


def month(number: int) -> str:
    """Name the month so many after the present one, as partitions are named."""
    return datetime.fromtimestamp(begins_ms(number) / 1000, UTC).strftime("%Y_%m")


def begins_ms(number: int) -> int:
    """Return when the month begins that is so many after the present one, in milliseconds since 1970 UTC."""
    now = datetime.now(UTC)
    years, months = divmod(now.month - 1 + number, 12)
    return int(datetime(now.year + years, months + 1, 1, tzinfo=UTC).timestamp() * 1000)


async def over_months(store: Store) -> None:
    """Let a service decide in this month, the next, the one after that, and one that has no partition yet."""
    await handle(store, [*installed(), *installed("other-voice")])
    for number in range(1, 5):
        at_ms = begins_ms(number) + 1_000
        await handle(store, [*rolling(f"1.{number + 4}.0", at_ms), alert(f"1.{number + 4}.0", at_ms + 2_000)])


async def places(store: Store) -> dict[str, int]:
    """Return how many facts each partition holds that holds any."""
    asked = text("SELECT tableoid::regclass::text, count(*) FROM journal GROUP BY 1 ORDER BY 1")
    return {str(row[0]): int(row[1]) for row in await store.rows(asked, {})}


async def test_each_fact_lies_in_the_partition_of_its_month(store: Store) -> None:
    """The first holds all that was before; what has no month of its own is kept as well."""
    await over_months(store)
    facts = 8
    assert await places(store) == {
        f"journal_until_{month(0)}": 8,
        f"journal_{month(1)}": facts,
        f"journal_{month(2)}": facts,
        "journal_default": 2 * facts,
    }


async def test_all_that_reads_the_journal_reads_all_months(store: Store, new_url: NewUrl, opened: Opened) -> None:
    """Streams are read in order, searched, folded, verified and made anew, exactly as on SQLite."""
    lite = await opened(await new_url("sqlite"))
    for one in (store, lite):
        await over_months(one)
    assert await sight(store, tables.journal, *READ_TABLES) == await sight(lite, tables.journal, *READ_TABLES)
    both = [[(one.id, one.hash) async for one in recorded(each)] for each in (store, lite)]
    assert both[0] == both[1] != []
    searched = [[one.id async for one in found(each, Search(measurements=True))] for each in (store, lite)]
    assert searched[0] == searched[1] != []
    assert await differing(store, await replay_sql(store)) == {}
    assert (await verify(store)).findings == ()
    before = await sight(store, *READ_TABLES)
    assert (await rebuild(store)).facts == len(both[0])
    assert await sight(store, *READ_TABLES) == before


async def test_a_position_is_taken_once_over_all_months(store: Store, url: str, opened: Opened) -> None:
    """Two writers who took no turn, one before midnight and one after it: the second waits, and fails."""
    other = await opened(url)
    before, after = begins_ms(1) - 1, begins_ms(1)
    written, may_commit = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def first() -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        async with connection.transaction():
            await connection.execute(_one(before))
            written.set()
            await may_commit.wait()
        await connection.close()

    writing = loop.create_task(first())
    await written.wait()
    second = loop.create_task(say(other, _one(after)))
    await _waiting_for_a_lock(store)
    assert not second.done()
    may_commit.set()
    await writing
    with pytest.raises(Conflict, match=f"facts 1 to 1 of {SERVICE} do not follow what is there"):
        await second
    assert await places(store) == {f"journal_until_{month(0)}": 1}


async def _waiting_for_a_lock(store: Store) -> None:
    asked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(10):
        while not (await store.rows(asked, {}))[0][0]:  # noqa: ASYNC110  # the database sets no event
            await asyncio.sleep(0.01)


def _one(at_ms: int) -> str:
    at = f"timestamptz 'epoch' + {at_ms} * interval '1 ms'"
    return f"INSERT INTO journal VALUES ('{SERVICE}', 1, '', '', 1, {at_ms}, {at}, now(), '', '', '', '', '', '', '')"


async def test_a_position_that_leaves_a_gap_is_a_conflict(store: Store) -> None:
    """Facts follow one another in each stream, however many are written at once."""
    await handle(store, installed())
    head = Head(begin(SERVICE), GENESIS_HASH)
    message = requested("1.5.0")
    (link, *_), _ = append.chain(head, react(head.history, message.command, message.id, message.sent_ms))
    for position in (4, 6):
        gap = [{**row, "position": position} for row in [append._row(link, 0)]]
        with pytest.raises(Conflict):
            await store.write(lambda connection, gap=gap: connection.execute(insert(tables.journal), gap))  # type: ignore[misc]  # bound for the loop
    assert [row["position"] for row in await rows(store, tables.journal)] == [1, 2, 3, 4]


@pytest.mark.parametrize("verb", ["UPDATE {} SET reason = ''", "DELETE FROM {}", "TRUNCATE {}"])
async def test_no_partition_lets_a_fact_be_changed(store: Store, verb: str) -> None:
    """Neither through the journal nor by its own name."""
    await over_months(store)
    before = await rows(store, tables.journal)
    for name in ("journal", *await places(store)):
        with pytest.raises(Broken, match="the journal is append-only"):
            await say(store, verb.format(name))
    assert await rows(store, tables.journal) == before


async def test_a_fact_moves_when_its_month_gets_a_partition(store: Store) -> None:
    """What was kept for the want of one is there again, word for word, and the fence goes on from it."""
    await over_months(store)
    before = await rows(store, tables.journal)
    made = text("SELECT segue_journal_month(:since, :until)")
    bounds = {"since": _time(begins_ms(3)), "until": _time(begins_ms(4))}
    await store.write(lambda connection: connection.execute(made, bounds))
    assert (await places(store))[f"journal_{month(3)}"] == 8
    assert await rows(store, tables.journal) == before
    with pytest.raises(Broken, match="append-only"):
        await say(store, "DELETE FROM journal_default")
    assert (await handle(store, [alert("1.4.0", begins_ms(4) + 60_000)])).facts


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


async def test_partitions_are_made_ahead_once(store: Store, url: str, opened: Opened) -> None:
    """The upgrade made them, so there is nothing left to do; of two who do it at once, one does."""
    assert await ahead(store) == 0
    await say(store, f"DROP TABLE journal_{month(2)}")
    assert sorted(await asyncio.gather(ahead(store), ahead(await opened(url)))) == [0, 1]


async def test_a_living_journal_becomes_the_first_partition(cluster: Postgres) -> None:
    """Its facts, views and rights are what they were, and what is decided next follows them."""
    url = cluster.create("living")
    former = database(url)

    def filled(connection: Connection) -> None:
        schema_at("0009", connection)
        connection.execute(insert(tables.journal), journal_rows())
        connection.exec_driver_sql("CREATE ROLE looks")
        connection.exec_driver_sql("GRANT SELECT ON journal TO looks")

    await former.write(filled)
    asked = select(tables.journal).order_by(tables.journal.c.stream, tables.journal.c.position)
    before = await former.read(lambda connection: connection.execute(asked).all())
    await former.close()
    upgrade(url)
    store = await open_store(url)
    assert await store.rows(asked, {}) == before
    assert await places(store) == {f"journal_until_{month(0)}": len(before)}
    assert len(await store.rows(text("SELECT * FROM audit_events"), {})) == len(before)
    (looks,) = await store.rows(text("SELECT has_table_privilege('looks', 'journal', 'SELECT')"), {})
    assert looks[0]
    # Only the facts were put in; what follows from them is made first.
    await rebuild(store)
    (last,) = [row for row in before if row.stream == before[0].stream][-1:]
    assert (await handle(store, [requested("9.9.9", last.at_ms + 1, service=last.stream)])).facts
    assert (await verify(store)).findings == ()
    await store.close()
    cluster.drop("living")
    await _forget("looks", cluster)


async def _forget(role: str, cluster: Postgres) -> None:
    connection = await asyncpg.connect(cluster.url().replace("+asyncpg", ""))
    await connection.execute(f"DROP ROLE {role}")
    await connection.close()


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_sqlite_keeps_one_table(store: Store) -> None:
    """Nothing is made ahead, listed, detached or attached there."""
    assert await ahead(store) == 0
    assert await held(store, lambda _: True) == []
    for refused in (detach(store, "2026-01", lambda _: True), attach(store, "2026-01")):
        with pytest.raises(Broken, match="the journal in SQLite is one table"):
            await refused
