"""The floor of deciding: the statements that a store was sent, sent again by its bare driver, batch by batch."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import asyncpg
from sqlalchemy import Connection, Engine, event

Run = Callable[[Sequence["Sent"]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as a driver got it. values: its parameters, or a list of such when it was sent for many rows."""

    sql: str
    values: Any
    many: bool


@contextmanager
def overheard() -> Iterator[list[Sent]]:
    """Give a list that grows by every statement which any store of this process sends."""
    heard: list[Sent] = []

    def hear(_connection: Connection, _cursor: object, sql: str, values: Any, _context: object, many: bool) -> None:
        heard.append(Sent(sql, values, many))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


_BEGINNINGS: Final = ("BEGIN", "BEGIN IMMEDIATE")


class BareSqlite:
    """SQLite by Python's own module: as durable as the store, with a cache as large, one transaction a batch."""

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA cache_size = -65536")

    async def run(self, batch: Sequence[Sent]) -> None:
        """Send a batch, and commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        for one in batch:
            if one.sql in _BEGINNINGS:
                continue
            if one.many:
                self._connection.executemany(one.sql, one.values)
            else:
                self._connection.execute(one.sql, one.values).fetchall()
        self._connection.execute("COMMIT")

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()


class BarePostgres:
    """PostgreSQL by asyncpg, one transaction a batch."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    async def at(cls, url: str) -> Self:
        """Connect to the database at an address of SQLAlchemy's."""
        return cls(await asyncpg.connect(url.replace("+asyncpg", "")))

    async def run(self, batch: Sequence[Sent]) -> None:
        """Send a batch, and commit."""
        async with self._connection.transaction():
            for one in batch:
                if one.many:
                    await self._connection.executemany(one.sql, one.values)
                else:
                    await self._connection.fetch(one.sql, *one.values)

    async def close(self) -> None:
        """End the session."""
        await self._connection.close()
