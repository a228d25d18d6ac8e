"""The schema comes from Alembic alone, and nobody starts against another one."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select

from controller.core.errors import Broken, Malformed, Unavailable
from controller.handle import handle
from controller.journal import Store, open_store, schema
from controller.journal.database import database
from controller.journal.revision import LEAVING, NEWEST, REVISIONS
from controller.journal.schema import upgrade
from controller.journal.tables import journal, metadata, services, steps, verdicts
from controller.parts.postgres import Postgres
from controller.replay import differing, replay_sql
from controller.wire.strict import canonical
from tests.histories import journal_rows, states
from tests.journal.messages import installed
from tests.journal.sight import rows
from tests.journal.test_measured import measured, watched


async def test_the_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    """Nothing is left that Alembic would still have to change; partitions of the journal are the database's matter."""

    def named(name: str | None, type: str, parents: object) -> bool:
        return type != "table" or not str(name).startswith(("alembic_version", "journal_"))

    def differences(connection: Connection) -> list[object]:
        opts = {"compare_type": True, "target_metadata": metadata, "include_name": named}
        return list(compare_metadata(MigrationContext.configure(connection, opts=opts), metadata))

    assert await store.read(differences) == []


def test_the_newest_revision_is_alembics_head() -> None:
    """The revisions that the code names are those in `migrations`, in the same order."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parents[2] / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(REVISIONS)


async def test_a_store_without_schema_says_what_to_do(tmp_path: Path, cluster: Postgres) -> None:
    """Starting before the first upgrade names the command."""
    empty = cluster.create("empty")
    with pytest.raises(Broken, match=f"has no schema yet; this Segue needs {NEWEST}: run `segue db upgrade`"):
        await open_store(empty)
    cluster.drop("empty")
    with pytest.raises(Broken, match=r"there is no database .*new\.db: run `segue db upgrade`"):
        await open_store(f"sqlite:///{tmp_path}/new.db")
    assert not (tmp_path / "new.db").exists()
    (tmp_path / "old.db").touch()
    with pytest.raises(Broken, match=f"has no schema yet; this Segue needs {NEWEST}: run `segue db upgrade`"):
        await open_store(f"sqlite:///{tmp_path}/old.db")


async def test_a_store_of_a_newer_segue_says_which_to_install(store: Store, url: str) -> None:
    """Neither starting nor upgrading touches a schema that this version does not know."""

    def from_the_future(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
        connection.exec_driver_sql(
            "INSERT INTO schema_history (revision, segue_version, upgraded_at) "
            "VALUES ('0099', '9.9.0', '2036-01-01T00:00:00Z')"
        )

    await store.write(from_the_future)
    with pytest.raises(Broken, match=rf"has schema 0099; .* up to {NEWEST}: install Segue 9\.9\.0 or later"):
        await open_store(url)
    with pytest.raises(Broken, match=r"install Segue 9\.9\.0 or later"):
        upgrade(url)


async def test_upgrading_again_changes_nothing(store: Store, url: str) -> None:
    """An upgrade of a store in use keeps what is in it."""
    done = await handle(store, installed())
    upgrade(url)
    assert (await handle(store, installed())).facts == ()
    assert len(done.facts) == 4


async def test_an_older_store_is_upgraded_to_what_its_facts_amount_to(tmp_path: Path, cluster: Postgres) -> None:
    """What 0.1.0 had derived is made anew: each step under the fact that made it, and states with all they hold now."""
    for url in (f"sqlite:///{tmp_path}/former.db", cluster.create("former")):
        made = database(url)
        await made.write(_first_schema)
        await made.close()
        upgrade(url)
        store = await open_store(url)
        assert await differing(store, await replay_sql(store)) == {}
        entered = select(steps.c.rollout, steps.c.position, steps.c.step, steps.c.weight_bp).order_by(steps.c.position)
        assert ("late-voice-2", 7, 0, 500) in [tuple(row) for row in await store.rows(entered, {})]
        await store.close()
    cluster.drop("former")


@pytest.mark.parametrize(
    ("revision", "leaving", "made"), [("0010", frozenset(REVISIONS), False), ("0005", LEAVING, True)]
)
async def test_read_tables_are_made_anew_where_a_revision_asks_for_it(
    kind: str,
    tmp_path: Path,
    cluster: Postgres,
    revision: str,
    leaving: frozenset[str],
    made: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Indexes and views outdate no row, and an upgrade that brings nothing else can do without months that are away."""
    monkeypatch.setattr("controller.journal.revision.LEAVING", leaving)
    url = cluster.create("outdated") if kind == "postgresql" else f"sqlite:///{tmp_path}/outdated.db"
    older = database(url)
    await older.write(lambda connection: schema_at(revision, connection))
    await older.write(lambda connection: connection.execute(insert(journal), journal_rows()))
    await older.close()
    upgrade(url)
    upgraded = await open_store(url)
    assert bool(await rows(upgraded, services)) is made
    await upgraded.close()
    if kind == "postgresql":
        cluster.drop("outdated")


async def test_verdicts_of_before_are_filled_in(store: Store, kind: str, tmp_path: Path, cluster: Postgres) -> None:
    """A store that is upgraded holds the verdicts that its journal has, exactly as one that wrote them itself."""
    await handle(store, [*watched(), *(measured(number, failures=25) for number in range(1, 8))])
    facts = [dict(row._mapping) for row in await store.rows(select(journal), {})]
    url = cluster.create("verdicts") if kind == "postgresql" else f"sqlite:///{tmp_path}/verdicts.db"
    older = database(url)
    await older.write(lambda connection: schema_at("0002", connection))
    await older.write(lambda connection: connection.execute(insert(journal), facts))
    await older.close()
    upgrade(url)
    upgraded = await open_store(url)
    assert await rows(upgraded, verdicts) == await rows(store, verdicts) != []
    await upgraded.close()
    if kind == "postgresql":
        cluster.drop("verdicts")


def schema_at(revision: str, connection: Connection) -> None:
    """Bring an empty store to a revision of before."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(schema.__file__).parents[2] / "migrations"))
    command.upgrade(config, revision)


def _first_schema(connection: Connection) -> None:
    schema_at("0001", connection)
    connection.execute(insert(journal), journal_rows())
    heads = {row["stream"]: row for row in journal_rows()}
    known = {"epoch": 1, "candidate_bp": 0}
    connection.execute(
        insert(services),
        [
            {
                "service": name,
                "position": heads[name]["position"],
                "at_ms": heads[name]["at_ms"],
                "head_hash": heads[name]["hash"],
                "state": canonical(state),
                **known,
            }
            for name, state in states().items()
        ],
    )


def test_two_upgrades_at_once_are_one(tmp_path: Path, cluster: Postgres) -> None:
    """Processes that start together may all upgrade; one does it."""
    for url in (f"sqlite:///{tmp_path}/made/for/it/new.db", cluster.create("together")):
        with ThreadPoolExecutor(3) as starters:
            for done in [starters.submit(upgrade, url) for _ in range(3)]:
                done.result()
    cluster.drop("together")


def test_a_new_file_that_somebody_writes_to_is_waited_for(tmp_path: Path) -> None:
    """Turning on write-ahead logging meets another process's first transaction: it waits, as every write does."""
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as starter:
        upgrading = starter.submit(upgrade, f"sqlite:///{tmp_path}/new.db")
        with pytest.raises(TimeoutError):
            upgrading.result(timeout=0.5)
        other.execute("COMMIT")
        upgrading.result()
    other.close()


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "sqlite://", "sqlite:///:memory:", "not an address"])
async def test_an_address_of_no_store_says_what_is_allowed(url: str) -> None:
    """Other databases, and one that would be forgotten, are refused before anything is connected."""
    with pytest.raises(Malformed, match="set SEGUE_DATABASE_URL to"):
        await open_store(url)


async def test_a_password_is_never_told(cluster: Postgres) -> None:
    """Errors name the database without its password."""
    with pytest.raises((Broken, Unavailable)) as refused:
        await open_store(cluster.url("there_is_none"))
    assert "there_is_none" in str(refused.value)
    assert cluster.url().split(":")[2].split("@")[0] not in str(refused.value)
