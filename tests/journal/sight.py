"""Everything a store holds, as plain rows: what two stores are compared by."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event, select

from controller.journal import Store, tables
from controller.journal.derived import DERIVED

READ_TABLES = tuple(table for table in DERIVED if table is not tables.timers)
# When a row was written is the machine's own business; everything else must follow from the messages.
_OWN = {"recorded_at", "decided_at", "number", "fired_at"}


async def rows(store: Store, table: Any) -> list[dict[str, Any]]:
    """Return a table's rows without what is the machine's own, ordered by primary key."""
    found = await store.rows(select(table).order_by(*table.primary_key.columns), {})
    return [{name: value for name, value in row._mapping.items() if name not in _OWN} for row in found]


async def sight(store: Store, *asked: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of several tables, by table."""
    return {table.name: await rows(store, table) for table in asked}


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Hear every statement, and its values, that any store is asked meanwhile."""
    said: list[tuple[str, Any]] = []

    def heard(*arguments: Any) -> None:
        said.append(arguments[2:4])

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", heard)


async def outgoing(store: Store) -> list[tuple[str, bytes, bytes]]:
    """Return (topic, key, body) of everything in the outbox, in order, and leave it there."""
    async with store.relay() as relay:
        return [(row.topic.value, row.key, row.body) for row in await relay.next_batch(100_000)]
