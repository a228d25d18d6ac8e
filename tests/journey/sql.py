"""Somebody with a database client, past everything that Segue would refuse them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import Connection, select, update

from controller.journal import open_store
from controller.journal.tables import journal
from tests.journey.world import World


@contextmanager
def another_database(world: World, folder: Path, name: str) -> Iterator[str]:
    """Give the address of a database of the world's kind that nothing is in yet; gone when the block ends."""
    url = world.tree.settings.database
    if world.store == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    asyncio.run(_execute(url, f"CREATE DATABASE {name}"))
    try:
        yield f"{url.rpartition('/')[0]}/{name}"
    finally:
        asyncio.run(_execute(url, f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def tampered(world: World, stream: str, position: int, written: str, said: str) -> Iterator[None]:
    """Make a fact say something else than was written, and put it back when the block ends."""
    url = world.tree.settings.database
    before = asyncio.run(_rewrite(url, stream, position, written, said))
    try:
        yield
    finally:
        asyncio.run(_rewrite(url, stream, position, said, written))
        assert asyncio.run(_rewrite(url, stream, position, "", "")) == before


async def _rewrite(url: str, stream: str, position: int, old: str, new: str) -> str:
    """Replace text in a fact's body and return the body as it was."""
    here = (journal.c.stream == stream, journal.c.position == position)

    def work(connection: Connection) -> str:
        body: str = connection.execute(select(journal.c.body).where(*here)).scalar_one()
        assert old in body
        unlock, lock = _guard(connection)
        connection.exec_driver_sql(unlock)
        connection.execute(update(journal).where(*here).values(body=body.replace(old, new)))
        connection.exec_driver_sql(lock)
        return body

    store = await open_store(url)
    try:
        return await store.write(work)
    finally:
        await store.close()


def _guard(connection: Connection) -> tuple[str, str]:
    """Return the statements that take the journal's guard away and put it back."""
    if connection.dialect.name == "sqlite":
        made = "SELECT sql FROM sqlite_master WHERE name = 'journal_no_update'"
        return "DROP TRIGGER journal_no_update", connection.exec_driver_sql(made).scalar_one()
    return "ALTER TABLE journal DISABLE TRIGGER ALL", "ALTER TABLE journal ENABLE TRIGGER ALL"


async def _execute(url: str, statement: str) -> None:
    server = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await server.execute(statement)
    finally:
        await server.close()
