"""The schema comes from Alembic alone, and nobody starts against another one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from controller.core.errors import Broken, Malformed, Unavailable
from controller.handle import handle
from controller.journal import Store, open_store, schema
from controller.journal.schema import upgrade
from controller.journal.tables import metadata
from controller.parts.postgres import Postgres
from tests.journal.messages import installed


async def test_the_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    """Nothing is left that Alembic would still have to change."""

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        return [one for one in compare_metadata(context, metadata) if "alembic_version" not in str(one)]

    assert await store.read(differences) == []


def test_the_newest_revision_is_alembics_head() -> None:
    """The revisions that the code names are those in `migrations`, in the same order."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parents[2] / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.REVISIONS)


async def test_a_store_without_schema_says_what_to_do(tmp_path: Path, cluster: Postgres) -> None:
    """Starting before the first upgrade names the command."""
    empty = cluster.create("empty")
    with pytest.raises(Broken, match="has no schema yet; this Segue needs 0001: run `segue db upgrade`"):
        await open_store(empty)
    cluster.drop("empty")
    with pytest.raises(Broken, match=r"there is no database .*new\.db: run `segue db upgrade`"):
        await open_store(f"sqlite:///{tmp_path}/new.db")
    assert not (tmp_path / "new.db").exists()
    (tmp_path / "old.db").touch()
    with pytest.raises(Broken, match="has no schema yet; this Segue needs 0001: run `segue db upgrade`"):
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
    with pytest.raises(Broken, match=r"has schema 0099; .* up to 0001: install Segue 9\.9\.0 or later"):
        await open_store(url)
    with pytest.raises(Broken, match=r"install Segue 9\.9\.0 or later"):
        upgrade(url)


async def test_upgrading_again_changes_nothing(store: Store, url: str) -> None:
    """An upgrade of a store in use keeps what is in it."""
    done = await handle(store, installed())
    upgrade(url)
    assert (await handle(store, installed())).facts == ()
    assert len(done.facts) == 4


def test_two_upgrades_at_once_are_one(tmp_path: Path, cluster: Postgres) -> None:
    """Processes that start together may all upgrade; one does it."""
    for url in (f"sqlite:///{tmp_path}/made/for/it/new.db", cluster.create("together")):
        with ThreadPoolExecutor(3) as starters:
            for done in [starters.submit(upgrade, url) for _ in range(3)]:
                done.result()
    cluster.drop("together")


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
