"""
The schema's revisions: who may bring a store to the newest, and who must not start against another.

Only Alembic changes the schema, in `migrations/`, and only when somebody says so (`segue db upgrade`, `segue up`).
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, bindparam, insert, inspect, select, text

from controller.core.errors import Broken
from controller.journal.database import database
from controller.journal.sqlite import SqliteDatabase
from controller.journal.tables import schema_history

REVISIONS: Final = {"0001": "0.1.0", "0002": "0.1.0", "0003": "0.1.0"}
"""Every revision in order, and the first version of Segue that reads it."""

NEWEST: Final = tuple(REVISIONS)[-1]

_UPGRADE_LOCK: Final = 7_334_801


def upgrade(database_url: str) -> None:
    """
    Bring a database to the newest schema, creating what is missing; nothing happens when it is there already.

    An older one has its read tables made anew from the journal, in the same transaction.
    May be called from anywhere, also from inside an event loop, which it then blocks.
    Raises Unavailable when the database is away, Broken when its schema is newer than ours.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _upgrade(database_url)).result()


def check(connection: Connection, name: str) -> None:
    """Raise Broken unless the schema is exactly the one that this version of Segue was made for."""
    revision = _revision(connection)
    if revision == NEWEST:
        return
    if revision is None or revision in REVISIONS:
        found = f"has schema {revision}" if revision else "has no schema yet"
        raise Broken(f"{name} {found}; this Segue needs {NEWEST}: run `segue db upgrade`")
    raise _too_new(connection, name, revision)


async def _upgrade(database_url: str) -> None:
    store = database(database_url)
    if isinstance(store, SqliteDatabase):
        store.file.parent.mkdir(parents=True, exist_ok=True)
    try:
        await store.write(lambda connection: _migrate(connection, store.name))
    finally:
        await store.close()


def _migrate(connection: Connection, name: str) -> None:
    # Here, not above: Alembic takes a fifth of a second to import, and only an upgrade needs it.
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        # Two upgrades at once: the second waits, then finds nothing to do. (SQLite: BEGIN IMMEDIATE does the same.)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    revision = _revision(connection)
    if revision is not None and revision not in REVISIONS:
        raise _too_new(connection, name, revision)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    command.upgrade(config, NEWEST)
    if revision not in (None, NEWEST):
        # What an older Segue derived from the facts lacks whatever it did not know of yet. Imported here, for whoever
        # opens a store reads this module first.
        from controller.journal.rebuild import make_anew

        make_anew(connection)
    known = set(connection.scalars(select(schema_history.c.revision)))
    rows = [
        {"revision": revision, "segue_version": version, "upgraded_at": time.time_ns() // 1_000_000}
        for revision, version in REVISIONS.items()
        if revision not in known
    ]
    if rows:
        connection.execute(insert(schema_history), rows)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _too_new(connection: Connection, name: str, revision: str) -> Broken:
    by = connection.scalar(
        select(schema_history.c.segue_version).where(schema_history.c.revision == bindparam("revision")),
        {"revision": revision},
    )
    install = f"Segue {by} or later" if by else "the Segue that made it, or a later one"
    return Broken(f"{name} has schema {revision}; this Segue knows schemas up to {NEWEST}: install {install}")
