"""PostgreSQL by asyncpg: one pool of connections, bounded waits, and connections of one's own for locks and LISTEN."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from controller.journal.troubles import told

T = TypeVar("T")


class PostgresDatabase:
    """One database of a PostgreSQL server."""

    def __init__(self, url: URL) -> None:
        self.name = url.render_as_string(hide_password=True)
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=8,
            max_overflow=8,
            pool_timeout=5,
            # The connection used last has its statements prepared.
            pool_use_lifo=True,
            connect_args={
                "timeout": 5,
                "command_timeout": 30,
                "server_settings": {
                    "application_name": "segue",
                    # Compiling a plan costs more than any statement of ours takes.
                    "jit": "off",
                    "lock_timeout": "5s",
                    "idle_in_transaction_session_timeout": "30s",
                    # A machine that vanishes says no farewell. Its session, and with it the relay's turn, would stand
                    # for two hours; so it ends after 11 s.
                    "tcp_keepalives_idle": "5",
                    "tcp_keepalives_interval": "2",
                    "tcp_keepalives_count": "3",
                },
            },
        )

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work on a connection of the pool."""
        with told(self.name):
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work on a connection of the pool."""
        with told(self.name):
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    async def own_connection(self) -> AsyncConnection:
        """Return a connection outside of the pool and of any transaction; closing it ends its session."""
        with told(self.name):
            connection = await self._engine.connect()
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.run_sync(Connection.detach)
            return connection

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self._engine.dispose()
