"""SQLite: one writing thread and a few reading ones per process, durable commits, bounded waits."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from controller.journal.session import Session
from controller.journal.troubles import told

T = TypeVar("T")

_BUSY_MS: Final = 5_000
_BUSY_STEP_S: Final = 0.005
_READERS: Final = 4
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_MS}",
    # FULL, not NORMAL: in WAL mode NORMAL may lose the last commits when the machine loses power.
    "PRAGMA synchronous = FULL",
)


# 64 MiB, at most, instead of 2: a batch goes to a hundred places of a dozen indexes. With a million facts it took 167
# us of CPU a message to get them from the system each time, and takes 139.
_WRITERS_CACHE: Final = "PRAGMA cache_size = -65536"


class SqliteDatabase:
    """One database file. Other processes may use it too; each write waits up to 5 s for theirs."""

    def __init__(self, url: URL, file: Path) -> None:
        self.file = file
        self.name = url.set(drivername="sqlite").render_as_string()
        # IMMEDIATE: who reads first and writes later would find, too late, that somebody else wrote in between.
        self._writer = _engine(file, "BEGIN IMMEDIATE", 1, (_WRITERS_CACHE,))
        self._reader = _engine(file, "BEGIN", _READERS)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-read")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work in a reading thread."""

        def run() -> T:
            with told(self.name), self._reader.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._reading, run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in the writing thread."""

        def run() -> T:
            with told(self.name), self._writer.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writing, run)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Give a connection of one's own, in a thread of its own."""
        # The session itself says when it writes.
        engine = _engine(self.file, "BEGIN", 1)
        with ThreadPoolExecutor(1, thread_name_prefix="sqlite-session") as thread:
            in_thread = asyncio.get_running_loop().run_in_executor

            async def run(work: Callable[[Connection], T]) -> T:
                def work_told() -> T:
                    with told(self.name):
                        return work(connection)

                return await in_thread(thread, work_told)

            connection = await in_thread(thread, engine.connect)
            try:
                yield Session(run)
            finally:
                await in_thread(thread, connection.close)
                await in_thread(thread, engine.dispose)

    async def close(self) -> None:
        """Wait for what the threads still do, then close every connection."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._writer.dispose()
        self._reader.dispose()


def _engine(file: Path, begin: str, connections: int, pragmas: Sequence[str] = ()) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        pool_size=connections,
        max_overflow=0,
        # None: the driver begins nothing by itself, so `begin` below is what begins a transaction.
        connect_args={"isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (*_PRAGMAS, *pragmas):
            cursor.execute(pragma)
        _log_ahead(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _log_ahead(cursor: DBAPICursor) -> None:
    # The first one to open a new file turns write-ahead logging on for good. SQLite does not wait, whatever
    # busy_timeout says, when somebody else writes just then (https://www.sqlite.org/wal.html): so we do.
    until = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(_BUSY_STEP_S)
