"""
Bringing a store to the newest schema.

Only Alembic changes the schema, in `migrations/`, and only when somebody says so (`segue db upgrade`, `segue up`).
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select, text

from controller.journal.database import database
from controller.journal.partitions import make_ahead
from controller.journal.revision import NEWEST, REVISIONS, found, outdates
from controller.journal.sqlite import SqliteDatabase
from controller.journal.tables import schema_history

_UPGRADE_LOCK: Final = 7_334_801


def upgrade(database_url: str) -> None:
    """
    Bring a database to the newest schema, creating what is missing; nothing happens when it is there already.

    Where a revision on the way asks for it, read tables are made anew from the journal, in the same transaction.
    May be called from anywhere, also from inside an event loop, which it then blocks.
    Raises Unavailable when the database is away, Broken when its schema is newer than ours.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _upgrade(database_url)).result()


async def _upgrade(database_url: str) -> None:
    store = database(database_url)
    try:
        if isinstance(store, SqliteDatabase):
            store.file.parent.mkdir(parents=True, exist_ok=True)
            await store.write(lambda connection: _migrate(connection, store.name))
        else:
            # In a session, where a statement may take as long as it takes: an index over years of facts does.
            async with store.session() as session, session.transaction():
                await session.do(lambda connection: _migrate(connection, store.name))
    finally:
        await store.close()


def _migrate(connection: Connection, name: str) -> None:
    from migrations import roles

    if connection.dialect.name == "postgresql":
        # Two upgrades at once: the second waits, then finds nothing to do. (SQLite: BEGIN IMMEDIATE does the same.)
        # However long that is; a table that somebody reads is waited for as briefly as ever, for others wait behind us.
        patience = connection.scalar(text("SELECT current_setting('lock_timeout')"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        connection.execute(text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": patience})
    revision = found(connection, name)
    if revision != NEWEST:
        _bring_up(connection)
    if outdates(revision):
        # What an older Segue derived from the facts lacks whatever it did not know of yet. Here, not above: with it
        # comes the whole core.
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
    if connection.dialect.name == "postgresql":
        # Every time: a revision may bring tables and views, and an administrator the roles that we could not make.
        roles.give(connection, roles.APP, roles.app_rights())
        roles.give(connection, roles.AUDITOR, roles.auditor_rights())
    make_ahead(connection)


def _bring_up(connection: Connection) -> None:
    # Here, not above: Alembic takes a fifth of a second to import, and as long to read every revision.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    command.upgrade(config, NEWEST)
