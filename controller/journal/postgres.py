"""PostgreSQL by asyncpg: pools of connections, bounded waits, and connections of one's own for locks and LISTEN."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from controller.journal.session import Session
from controller.journal.tls import apart
from controller.journal.troubles import told

T = TypeVar("T")

# How long a transaction may stand still between two statements. One that writes holds the turn of its services: this is
# less than others wait for a lock, and much more than lies between two statements of ours. One that reads holds up
# nobody, and a reader may have a lot to compute.
_WRITER_STILL: Final = "4s"
_READER_STILL: Final = "30s"
# What one decision writes goes as one statement, a text for each mix of tables: more than the 100 that are usual.
_PREPARED: Final = 400


class PostgresDatabase:
    """One database of a PostgreSQL server."""

    def __init__(self, url: URL) -> None:
        """Connect nothing yet. Raises Malformed when the address asks for TLS in words that mean nothing."""
        self.name = url.render_as_string(hide_password=True)
        plain, self._tls = apart(url)
        self._url = plain.set(drivername="postgresql+asyncpg")
        self._readers, self._writers = (
            # The connection used last has its statements prepared.
            _engine(self._url, self._tls, still, 30, pool_size=8, max_overflow=8, pool_timeout=5, pool_use_lifo=True)
            for still in (_READER_STILL, _WRITER_STILL)
        )

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work on a connection of the readers' pool."""
        with told(self.name):
            async with self._readers.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work on a connection of the writers' pool."""
        with told(self.name):
            async with self._writers.begin() as connection:
                return await connection.run_sync(work)

    async def own_connection(self) -> AsyncConnection:
        """Return a connection outside of the pools and of any transaction; closing it ends its session."""
        with told(self.name):
            connection = await self._readers.connect()
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.run_sync(Connection.detach)
            return connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Give a connection of one's own, whose statements may take as long as they take."""
        engine = _engine(self._url, self._tls, _READER_STILL, None, poolclass=NullPool)
        with told(self.name):
            connection = await engine.connect()

        async def run(work: Callable[[Connection], T]) -> T:
            with told(self.name):
                return await connection.run_sync(work)

        try:
            yield Session(run)
        finally:
            await connection.close()
            await engine.dispose()

    async def close(self) -> None:
        """Close every connection of the pools."""
        await self._readers.dispose()
        await self._writers.dispose()


def _engine(url: URL, tls: str, still: str, command_timeout_s: float | None, **pool: Any) -> AsyncEngine:
    return create_async_engine(
        url,
        connect_args={
            # What stands in the address itself goes before this.
            "dsn": tls or None,
            "timeout": 5,
            "command_timeout": command_timeout_s,
            "prepared_statement_cache_size": _PREPARED,
            "server_settings": {
                "application_name": "segue",
                # Compiling a plan costs more than any statement of ours takes.
                "jit": "off",
                "lock_timeout": "5s",
                "idle_in_transaction_session_timeout": still,
                # A machine that vanishes says no farewell. Its session, and with it the relay's turn, would stand
                # for two hours; so it ends after 11 s.
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
            },
        },
        **pool,
    )
