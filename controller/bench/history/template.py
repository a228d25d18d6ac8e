"""
A life as the product writes it down: every row of every table, read back from a store that it was written to.

The rows are plain values, so that they can be sent to other processes; times are milliseconds, whatever the store has.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from controller.bench.history.life import Life, live
from controller.core.state import timers
from controller.journal import heads, inbox, open_store, reads, tables
from controller.journal.append import append
from controller.journal.derived import DERIVED
from controller.journal.schema import upgrade
from controller.journal.timers import row as timer_row

NAME: Final = "template-of-a-service"
"""The service's name; it stands in many texts, and in none by chance."""

RECORDED_AFTER_MS: Final = 4

TABLES: Final = (tables.journal, tables.inbox, *DERIVED)
"""Those that a service's history fills. What it had to say is published, so the outbox is empty."""

_AT_ONCE: Final = 1000

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Template:
    """columns, rows: of each table, by its name."""

    columns: dict[str, tuple[str, ...]]
    rows: dict[str, Rows]


def written(seed: int, facts: int, rollouts: int) -> Template:
    """Let a service live a year of about so many facts, write it into a store of its own, and return what is there."""
    return written_down(live(NAME, seed, facts, rollouts))


def written_down(life: Life) -> Template:
    """Write the life of the service called NAME into a store of its own, and return what is there."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_written(f"sqlite:///{Path(folder)}/template.db", life))


async def _written(url: str, life: Life) -> Template:
    upgrade(url)
    store = await open_store(url)
    try:
        await store.write(lambda connection: _write(connection, life))
        return await store.read(_template)
    finally:
        await store.close()


def _write(connection: Connection, life: Life) -> None:
    for start in range(0, len(life.links), _AT_ONCE):
        some = life.links[start : start + _AT_ONCE]
        append(connection, some, 0)
        reads.write(connection, some)
    inbox.keep(connection, life.decided, 0)
    heads.restore(connection, [life.head])
    if waiting := [timer_row(NAME, timer) for timer in timers(life.head.history.state)]:
        connection.execute(insert(tables.timers), waiting)


def _template(connection: Connection) -> Template:
    columns, rows = dict[str, tuple[str, ...]](), dict[str, Rows]()
    for table in TABLES:
        # The store numbers the inbox itself.
        kept = [column for column in table.c if column is not tables.inbox.c.number]
        found = connection.execute(select(*kept).order_by(*table.primary_key)).all()
        columns[table.name] = tuple(column.name for column in kept)
        rows[table.name] = [tuple(row) for row in found]
    return Template(columns, rows)
