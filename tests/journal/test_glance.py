"""A store of today is known at a glance; what is anything else is left to an upgrade, which says what it is."""

import asyncio
import socket
from pathlib import Path

import pytest
from sqlalchemy import Connection

from controller.journal import Store
from controller.journal.glance import is_newest
from controller.parts.postgres import Postgres
from tests.journal.conftest import NewUrl


async def glanced(url: str) -> bool:
    """Ask outside of the event loop, as whoever starts processes does."""
    return await asyncio.to_thread(is_newest, url)


async def test_a_store_of_today_is_known(url: str) -> None:
    """A new store has the newest schema."""
    assert await glanced(url)


@pytest.mark.parametrize(
    "otherwise",
    [
        pytest.param("UPDATE alembic_version SET version_num = '0001'", id="older"),
        pytest.param("UPDATE alembic_version SET version_num = '0099'", id="of a newer Segue"),
        pytest.param("DELETE FROM alembic_version", id="without a revision"),
        pytest.param("DROP TABLE alembic_version", id="without a schema"),
    ],
)
async def test_no_other_schema_is_taken_for_it(store: Store, url: str, otherwise: str) -> None:
    """Whatever it is instead."""

    def change(connection: Connection) -> None:
        connection.exec_driver_sql(otherwise)

    await store.write(change)
    assert not await glanced(url)


async def test_a_store_that_cannot_be_asked_is_not_known(tmp_path: Path, cluster: Postgres) -> None:
    """A file that is none or no database, a server that is away, that does not know us or that says nothing."""
    (tmp_path / "letter").write_text("this is no database" * 100)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for url in (
            f"sqlite:///{tmp_path}/none.db",
            f"sqlite:///{tmp_path}/letter",
            "postgresql+asyncpg://segue:secret@127.0.0.1:1/segue",
            cluster.url("nowhere"),
            cluster.url("postgres").replace("postgres:", "stranger:"),
            f"postgresql+asyncpg://segue:secret@127.0.0.1:{silent.getsockname()[1]}/segue",
            "mysql://segue:secret@127.0.0.1/segue",
            "",
        ):
            assert not await glanced(url), url
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("plain", "more"),
    [
        pytest.param("/{0}", "/{0}?application_name=segue", id="a setting, as TLS is"),
        pytest.param("/{0}", "/{0}#there", id="a slip"),
        pytest.param("@", "@127.0.0.1:1,", id="another server"),
    ],
)
async def test_what_an_address_says_besides_is_not_guessed_at(new_url: NewUrl, plain: str, more: str) -> None:
    """SQLAlchemy may understand it otherwise than the driver: who asks for TLS gets no connection without it."""
    url = await new_url("postgresql")
    name = url.rpartition("/")[2]
    assert await glanced(url)
    assert not await glanced(url.replace(plain.format(name), more.format(name)))
