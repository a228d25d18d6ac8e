"""
A connection of one's own for work that takes long: piece by piece, between which its caller may wait for others.

What is made in temporary tables lasts as long as the session, and goes with it however it ends.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class View(StrEnum):
    """What a transaction sees of those that others commit meanwhile."""

    LATEST = "latest"
    """On PostgreSQL each statement sees what was committed before it. On SQLite as `STILL`."""
    STILL = "still"
    """All of it sees one moment, and nobody waits for it."""
    ALONE = "alone"
    """Nobody decides, and no timer fires, until it ends: it takes the turn of every service."""


class Run(Protocol):
    """Hands work the session's connection, outside of the event loop or its waits handed to it."""

    async def __call__(self, work: Callable[[Connection], T]) -> T:
        """Return what work returns; raises what `Database` raises."""


class Session:
    """One connection, which nobody else uses."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run work in the transaction that is open."""
        return await self._run(work)

    @asynccontextmanager
    async def transaction(self, view: View = View.LATEST) -> AsyncIterator[None]:
        """Keep what is done within the block as a whole, or nothing of it when the block raises."""
        await self._run(lambda connection: _begin(connection, view))
        try:
            yield
        except BaseException:
            await self._run(Connection.rollback)
            raise
        await self._run(Connection.commit)


def living_schema(connection: Connection) -> str:
    """Return the schema that the store's own tables are in, by which they are told from temporary ones of a name."""
    # PostgreSQL never counts the temporary schema as the current one.
    schema = connection.exec_driver_sql("SELECT current_schema()") if _postgres(connection) else None
    return str(schema.scalar_one()) if schema else "main"


def _postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _begin(connection: Connection, view: View) -> None:
    connection.begin()
    if view is View.STILL and _postgres(connection):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    if view is View.ALONE:
        schema = living_schema(connection)
        connection.exec_driver_sql((_POSTGRES_ALONE if _postgres(connection) else _SQLITE_ALONE).format(schema=schema))


# In this order, as deciders do: the row of a service first, then its timers. Who only reads does not wait.
_POSTGRES_ALONE: Final = 'LOCK TABLE "{schema}".services, "{schema}".timers IN EXCLUSIVE MODE'
# SQLite lets one write at a time, and whoever begins by writing, be it nothing, is that one from there on.
_SQLITE_ALONE: Final = "DELETE FROM {schema}.services WHERE 0"
