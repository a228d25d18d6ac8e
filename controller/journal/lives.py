"""
Who lives: every process holds a lock for as long as it does, so that others see at once that one is gone.

PostgreSQL: an advisory lock of a session. SQLite: a locked file in a folder beside the database. Either falls free
when the process dies, however it dies; Kafka would find out by a heartbeat that does not come.
"""

import asyncio
import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from sqlalchemy import text

from controller.core.errors import Unavailable
from controller.journal.troubles import told

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from controller.journal.postgres import PostgresDatabase


class Life(Protocol):
    """
    This process's own life.

    name: what others know it by, of its own. since: how often its lock was taken; when that grows, others may have lost
    theirs at the same time, for the same reason.
    """

    name: str
    since: int

    async def living(self) -> frozenset[str]:
        """Return the names of all that live now, this one among them. Raises Unavailable."""
        ...

    async def close(self) -> None:
        """Let go of the lock: to others this process is gone."""


class FileLife:
    """SQLite's: a file named after the process, locked."""

    def __init__(self, database: Path) -> None:
        self.name = _new_name()
        self.since = 0
        self._folder = database.with_name(f"{database.name}.lives")
        self._handle: int | None = None

    async def living(self) -> frozenset[str]:
        """Ask each file in the folder; those of the dead are taken away."""
        try:
            return await asyncio.to_thread(self._living)
        except OSError as error:
            raise Unavailable(f"{self._folder} does not tell who lives: {error.strerror}") from error

    async def close(self) -> None:
        """Take the file away."""
        handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(FileNotFoundError):
                (self._folder / self.name).unlink()
            os.close(handle)

    def _living(self) -> frozenset[str]:
        if self._handle is None:
            self._handle = self._locked()
            self.since = 1
        return frozenset(file.name for file in self._folder.glob("[!.]*") if _is_locked(file))

    def _locked(self) -> int:
        # Locked before it is there under its name: an unlocked file is a dead process's.
        self._folder.mkdir(exist_ok=True)
        draft = self._folder / f".{self.name}"
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        draft.rename(self._folder / self.name)
        return handle


class SessionLife:
    """PostgreSQL's: an advisory lock, on a connection of its own that is made anew when it breaks."""

    def __init__(self, database: "PostgresDatabase") -> None:
        self.name = _new_name()
        self.since = 0
        self._database = database
        self._connection: AsyncConnection | None = None

    async def living(self) -> frozenset[str]:
        """Ask for the locks that are held in this database."""
        try:
            with told(self._database.name):
                connection = await self._locked()
                held = await connection.scalars(_HELD, {"class": _CLASS})
                return frozenset(f"{number:08x}" for number in held)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the session, and with it the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _locked(self) -> "AsyncConnection":
        if self._connection is None:
            self._connection = await self._database.own_connection()
            await self._connection.execute(_LOCK, {"class": _CLASS, "number": int(self.name, 16)})
            self.since += 1
        return self._connection


_CLASS: Final = 5_683_528
"""First half of these locks' keys; the relay's turn has the number before."""

_LOCK: Final = text("SELECT pg_advisory_lock(:class, :number)")
_HELD: Final = text(
    "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _new_name() -> str:
    """Eight hex digits that are also a positive 32-bit number."""
    return f"{secrets.randbits(31):08x}"


def _is_locked(file: Path) -> bool:
    try:
        handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    with suppress(FileNotFoundError):
        file.unlink()
    return False
