"""
One at a time: the lock that makes a process the only relay, and that falls free by itself when the process dies.

PostgreSQL: an advisory lock of a session. SQLite: a locked file beside the database. Who waits asks again and again,
several times a second, which is how soon a second takes over.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.journal.postgres import PostgresDatabase
from controller.journal.troubles import told

ASK_AGAIN_S: Final = 0.1

_CLASS: Final = 5_683_527
"""First half of our advisory locks' keys, so that another program's locks in the same database are not ours."""


@asynccontextmanager
async def file_turn(file: Path, number: int) -> AsyncIterator[None]:
    """Hold `number`'s turn by a lock on a file beside the database, waiting for it first."""
    handle = os.open(f"{file}.relay-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(handle):  # noqa: ASYNC110  # another process holds it; nothing here could set an event
            await asyncio.sleep(ASK_AGAIN_S)
        yield
    finally:
        os.close(handle)


@asynccontextmanager
async def session_turn(database: PostgresDatabase, number: int) -> AsyncIterator[AsyncConnection]:
    """
    Hold `number`'s turn by an advisory lock, waiting for it first.

    Whoever works in this turn must do so on the connection it gives: when that breaks, the turn is over too.
    """
    connection = await database.own_connection()
    try:
        with told(database.name):
            while not await connection.scalar(_TRY, {"class": _CLASS, "number": number}):  # noqa: ASYNC110  # as above
                await asyncio.sleep(ASK_AGAIN_S)
        yield connection
    finally:
        # The session's end lets the lock go, in whatever state the connection is.
        await connection.close()


_TRY: Final = text("SELECT pg_try_advisory_lock(:class, :number)")


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
