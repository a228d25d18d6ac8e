"""
One at a time: the lock that makes a process the only relay, and that falls free by itself when the process dies.

PostgreSQL: an advisory lock of a session. SQLite: a locked file beside the database. Who waits asks again and again,
several times a second, which is how soon a second takes over.

A process that stands still keeps its lock and does nothing with it. So whoever has the turn gives a sign of life each
second, and whoever waits and sees none for a while, by its own monotonic clock, takes the turn away: the other one's
session is ended, or its file replaced. When that one wakes, its next step tells it.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from controller.core.errors import Unavailable
from controller.journal.troubles import told

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from controller.journal.postgres import PostgresDatabase

ASK_AGAIN_S: Final = 0.1
_SIGN_EVERY_S: Final = 1.0
_STILL_S: Final = 4.0
"""No sign for so long: it stands still. To be wrong costs a change of turns and some messages published twice."""

_CLASS: Final = 5_683_527
"""First half of our advisory locks' keys, so that another program's locks in the same database are not ours."""


class TurnLost(Unavailable):
    """The turn is another's now, or about to be; what was sent last may have come after what that one sent."""


class FileTurn:
    """SQLite's: a file, locked, and in its place. Its time of change counts the signs of life."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._signs = os.fstat(handle).st_mtime_ns

    async def sign(self) -> None:
        """Show that this process is not standing still. Raises TurnLost."""
        if not _in_place(self._handle, self._path):
            raise TurnLost(f"{self._path} was taken by another relay while this process stood still")
        self._signs += 1_000_000
        os.utime(self._handle, ns=(self._signs, self._signs))

    def end(self) -> None:
        """Let the lock go."""
        os.close(self._handle)


@asynccontextmanager
async def file_turn(file: Path, number: int) -> AsyncIterator[FileTurn]:
    """Hold `number`'s turn by a lock on a file beside the database, waiting for it first."""
    path = Path(f"{file}.relay-{number}.lock")
    watch = _Watch()
    while (handle := _taken(path, watch)) is None:  # noqa: ASYNC110  # nothing here could set an event
        await asyncio.sleep(ASK_AGAIN_S)
    turn = FileTurn(path, handle)
    try:
        async with _signing(turn.sign):
            yield turn
    finally:
        turn.end()


class SessionTurn:
    """PostgreSQL's: an advisory lock of a session. Whatever is done on that session is a sign of life."""

    def __init__(self, database: str, connection: "AsyncConnection") -> None:
        self._database = database
        # Held around each statement: a connection takes one at a time.
        self._alone = asyncio.Lock()
        self._connection = connection
        self._broke = ""

    @asynccontextmanager
    async def working(self) -> "AsyncIterator[AsyncConnection]":
        """Give the session to work on: when it breaks, the turn is over too. Raises TurnLost."""
        async with self._alone:
            if self._broke:
                raise TurnLost(self._broke)
            try:
                with told(self._database):
                    yield self._connection
            except Unavailable as error:
                self._broke = str(error)
                raise TurnLost(self._broke) from error

    async def sign(self) -> None:
        """Show that this process is not standing still. Raises TurnLost."""
        async with self.working() as connection:
            await connection.execute(_SIGN)


@asynccontextmanager
async def session_turn(database: "PostgresDatabase", number: int) -> AsyncIterator[SessionTurn]:
    """Hold `number`'s turn by an advisory lock, waiting for it first."""
    connection = await database.own_connection()
    keys = {"class": _CLASS, "number": number}
    watch = _Watch()
    try:
        with told(database.name):
            while not await connection.scalar(_TRY, keys):
                holder = (await connection.execute(_HOLDER, keys)).one_or_none() if watch.due() else None
                if holder is not None and watch.stands_still(tuple(holder)):
                    await connection.execute(_END, {"pid": holder.pid})
                await asyncio.sleep(ASK_AGAIN_S)
            await connection.execute(_NO_DISK)
        turn = SessionTurn(database.name, connection)
        async with _signing(turn.sign):
            yield turn
    finally:
        # The session's end lets the lock go, in whatever state the connection is.
        await connection.close()


_TRY: Final = text("SELECT pg_try_advisory_lock(:class, :number)")
_SIGN: Final = text("SELECT 1")
# What the holder forgets and a crash of the server remembers is the latest of it: published once more, in its order.
_NO_DISK: Final = text("SET synchronous_commit = off")
_END: Final = text("SELECT pg_terminate_backend(:pid)")
# Not by its state: amid a statement, too, the database may wait for the rest of it. For one that is busy it does not.
_HOLDER: Final = text(
    "SELECT pid, backend_start, state_change FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND classid = :class AND objid = :number AND granted AND wait_event = 'ClientRead'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class _Watch:
    """What a waiter saw of the one it waits for, and since when that is the same."""

    def __init__(self) -> None:
        self._sign: object = None
        self._since_s = self._looked_s = float("-inf")

    def due(self) -> bool:
        """Say whether it is time to look again."""
        due = time.monotonic() - self._looked_s >= _SIGN_EVERY_S / 2
        if due:
            self._looked_s = time.monotonic()
        return due

    def stands_still(self, sign: object) -> bool:
        """Take what was seen now; say whether nothing else was for a while."""
        if sign != self._sign:
            self._sign, self._since_s = sign, time.monotonic()
        return time.monotonic() - self._since_s > _STILL_S


@asynccontextmanager
async def _signing(sign: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async def sign_on() -> None:
        # Who lost the turn is told at its next step.
        with suppress(Unavailable):
            while True:
                await asyncio.sleep(_SIGN_EVERY_S)
                await sign()

    task = asyncio.create_task(sign_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _taken(path: Path, watch: _Watch) -> int | None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _locked(handle):
        if _in_place(handle, path):
            return handle
    elif watch.stands_still(sign := _sign(handle)):
        os.close(handle)
        return _replaced(path, sign)
    os.close(handle)
    return None


def _replaced(path: Path, sign: tuple[int, int]) -> int | None:
    """Put a locked file in the place of one whose holder stands still; None when another waiter was first."""
    guard = os.open(f"{path}.taking", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _locked(guard) or _sign(path) != sign:
            return None
        draft = Path(f"{path}.draft")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        draft.rename(path)
        return handle
    finally:
        os.close(guard)


def _sign(file: int | Path) -> tuple[int, int]:
    status = os.stat(file)
    return status.st_ino, status.st_mtime_ns


def _in_place(handle: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.fstat(handle).st_ino == path.stat().st_ino
    return False


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
