"""As which role Segue works on PostgreSQL: it adds facts, and nobody has to trust it not to change one."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from controller.core.errors import Broken
from controller.handle import Outcome, handle
from controller.journal import Store, tables, timers
from controller.journal.checkpoints import grown, keep, kept
from controller.journal.closing import closing
from controller.journal.rebuild import rebuild
from controller.journal.rights import may_rewrite
from controller.journal.schema import upgrade
from controller.parts.postgres import start_postgres
from controller.proof.look import verify
from controller.wire.checkpoint import Checkpoint
from tests.journal.conftest import Opened
from tests.journal.messages import installed, rolling
from tests.journal.sight import READ_TABLES, rows, sight
from tests.journal.tampering import say


@pytest.fixture
def kind() -> str:
    """Rights are PostgreSQL's; in SQLite whoever may write the file may write everything."""
    return "postgresql"


@pytest.fixture
async def owner(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Be who owns the tables."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest.fixture
async def worker(url: str, owner: "asyncpg.Connection[asyncpg.Record]", opened: Opened) -> AsyncIterator[Store]:
    """A store as a process opens it whose login has the role `segue_app` and nothing else."""
    await owner.execute("CREATE ROLE worker LOGIN PASSWORD 'worker' IN ROLE segue_app")
    role = make_url(url).set(username="worker", password="worker")
    store = await opened(role.render_as_string(hide_password=False))
    yield store
    await store.close()
    await owner.execute("DROP ROLE worker")


async def test_all_work_is_done_with_the_rights_of_the_role(worker: Store) -> None:
    """Deciding, relaying, keeping time, signing, making the read tables anew, verifying."""
    done = await handle(worker, [*installed(), *rolling()])
    assert set(done.outcomes) == {Outcome.DECIDED}
    async with worker.relay() as relay:
        await relay.standing()
        await relay.delete(row.id for row in await relay.next_batch(100))
        assert await relay.next_batch(100) == []
    assert await worker.read(timers.next_due)
    await worker.fire_due(2**41)
    assert await worker.read(timers.next_due) is None
    (stream,) = await grown(worker, "key")
    await keep(worker, [Checkpoint(stream.service, stream.position, stream.hash, 9_000, "key", "signature")])
    assert len(await kept(worker)) == 1
    assert await closing(worker, "key", 2**41) == []
    assert len(await rows(worker, tables.closings)) == 1
    before = await sight(worker, *READ_TABLES)
    assert (await rebuild(worker)).facts == len(done.facts)
    assert await sight(worker, *READ_TABLES) == before
    assert (await verify(worker)).findings == ()


@pytest.mark.parametrize("table", ["journal", "checkpoints", "inbox"])
async def test_what_was_recorded_is_refused_by_right(
    worker: Store, owner: "asyncpg.Connection[asyncpg.Record]", table: str
) -> None:
    """Not only by the triggers, which this role can neither drop nor turn off."""
    for statement in (
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        "DROP TRIGGER journal_append_only ON journal",
        "DROP TRIGGER checkpoints_append_only ON checkpoints",
        f"DROP TABLE {table} CASCADE",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(Broken, match=r"must be owner|permission denied"):
            await say(worker, statement)
    await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    column = next(iter(tables.metadata.tables[table].columns)).name
    for statement in (f'UPDATE {table} SET "{column}" = "{column}"', f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(Broken, match=f"permission denied for table {table}"):
            await say(worker, statement)


async def test_all_that_is_read_may_be_read(worker: Store) -> None:
    """Every table and view that there is; partitions, and the fence between them, are read by nobody."""
    asked = text(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND relname <> 'journal_ends' "
        "AND NOT has_table_privilege(oid, 'SELECT')"
    )
    assert await worker.rows(asked, {}) == []


async def test_who_could_rewrite_the_journal_is_known(store: Store, worker: Store) -> None:
    """The owner could, the role that Segue is to run as could not."""
    assert (await may_rewrite(store), await may_rewrite(worker)) == (True, False)


async def test_an_upgrade_takes_back_what_the_role_had_too_much(
    url: str, worker: Store, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Whoever granted more than it needs, be it in good faith, finds it gone."""
    await owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO segue_app")
    assert await may_rewrite(worker)
    upgrade(url)
    assert not await may_rewrite(worker)


async def test_who_may_make_no_role_is_told_what_to_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An upgrade by a role that may not create roles goes through, and says what an administrator has to run."""
    with start_postgres(tmp_path / "apart") as cluster:
        admin = await asyncpg.connect(cluster.url().replace("+asyncpg", ""))
        await admin.execute("CREATE ROLE humble LOGIN PASSWORD 'humble'")
        await admin.execute("CREATE DATABASE humble OWNER humble")
        await admin.close()
        url = make_url(cluster.url("humble")).set(username="humble", password="humble")  # a test's own
        address = url.render_as_string(hide_password=False)
        upgrade(address)
        told = {line.split()[2]: line for line in caplog.messages if "let an administrator run" in line}
        assert set(told) == {"segue_auditor", "segue_app"}
        admin = await asyncpg.connect(cluster.url("humble").replace("+asyncpg", ""))
        for role, line in told.items():
            assert f"let an administrator run: CREATE ROLE {role} NOLOGIN; GRANT USAGE ON SCHEMA" in line
            await admin.execute(line.split("let an administrator run: ")[1])
        await admin.execute("SET ROLE segue_auditor")
        assert await admin.fetch("SELECT * FROM audit_events") == []
        await admin.execute("RESET ROLE; SET ROLE segue_app")
        assert await admin.fetch("SELECT * FROM journal") == []
        await admin.close()
        caplog.clear()
        upgrade(address)
        assert "let an administrator run" not in caplog.text
