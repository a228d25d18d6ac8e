"""
Waking who sleeps until the outbox or the timers change, in whatever process of whatever machine they changed.

PostgreSQL: triggers NOTIFY at commit, sleepers LISTEN. SQLite: who committed pokes a datagram socket that the sleeper
bound. A wake-up may be lost (a connection breaks, two sleepers want one socket), so every sleep has an end, and it is
the end of a sleep that correctness rests on, never a wake-up.
"""

import asyncio
import socket
from contextlib import suppress
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from controller.core.errors import Unavailable
from controller.journal.troubles import told

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from controller.journal.postgres import PostgresDatabase


class Bell(StrEnum):
    """What can change; named as its table."""

    OUTBOX = "outbox"
    TIMERS = "timers"


class Wake(Protocol):
    """One way to wake and be woken."""

    def ring(self, bell: Bell) -> None:
        """Wake who sleeps for this; called after the commit, never fails."""

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        """Sleep until it rings or the time is over; say which. What rang since the last call counts at once."""

    async def close(self) -> None:
        """Let go of sockets and connections."""


class SocketWake:
    """SQLite's: one datagram socket for each thing that is slept for, named after the database file."""

    def __init__(self, file: Path) -> None:
        self._name = sha256(str(file.resolve()).encode()).hexdigest()[:32]
        self._poker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._bound: dict[Bell, socket.socket] = {}

    def ring(self, bell: Bell) -> None:
        """Poke the sleeper's socket; nobody there, or one with pokes enough, needs no poke."""
        with suppress(OSError):
            self._poker.sendto(b"!", self._address(bell))

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        """Sleep until poked."""
        if bell not in self._bound and not self._bind(bell):
            # Somebody else sleeps on this bell (an old relay that is still ending): look again by ourselves.
            await asyncio.sleep(min(timeout_s, _LOOK_S))
            return False
        bound = self._bound[bell]
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(loop.sock_recv(bound, 1), timeout_s)
        except TimeoutError:
            return False
        with suppress(BlockingIOError):
            while True:  # any number of pokes is one wake-up
                bound.recv(1)
        return True

    async def close(self) -> None:
        """Close the sockets."""
        for bound in (*self._bound.values(), self._poker):
            bound.close()
        self._bound.clear()

    def _bind(self, bell: Bell) -> bool:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            bound.bind(self._address(bell))
        except OSError:
            bound.close()
            return False
        # What changed before the socket stood could not poke it.
        bound_once = self._bound.setdefault(bell, bound)
        assert bound_once is bound
        self.ring(bell)
        return True

    def _address(self, bell: Bell) -> str:
        # Linux's abstract names: no file that a crash leaves behind, and no path that is too long for a socket.
        return f"\0segue/{self._name}/{bell}"


class NotifyWake:
    """PostgreSQL's: one connection that LISTENs; the ringing is done by triggers."""

    def __init__(self, database: "PostgresDatabase") -> None:
        self._database = database
        self._rang = {bell: asyncio.Event() for bell in Bell}
        self._connection: AsyncConnection | None = None
        self._listening = False
        self._connecting = asyncio.Lock()

    def ring(self, bell: Bell) -> None:
        """Nothing to do: the trigger notified when the transaction committed."""

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        """Sleep until notified. Without a connection it just sleeps, and tries to connect again next time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        with suppress(Unavailable):
            await self._listen()
        rang = self._rang[bell]
        try:
            await asyncio.wait_for(rang.wait(), max(0.0, deadline - loop.time()))
        except TimeoutError:
            return False
        rang.clear()
        return True

    async def close(self) -> None:
        """Close the listening connection."""
        connection, self._connection = self._connection, None
        self._listening = False
        if connection is not None:
            await connection.close()

    async def _listen(self) -> None:
        async with self._connecting:
            if self._listening:
                return
            await self.close()
            with told(self._database.name):
                connection = self._connection = await self._database.own_connection()
                adapted: Any = (await connection.get_raw_connection()).dbapi_connection
                driver = adapted.driver_connection
                for bell in Bell:
                    await driver.add_listener(f"segue_{bell}", self._notified)
                driver.add_termination_listener(self._lost)
            self._listening = True
        # What changed before we listened could not notify us.
        for rang in self._rang.values():
            rang.set()

    def _notified(self, _driver: object, _pid: int, channel: str, _payload: str) -> None:
        self._rang[Bell(channel.removeprefix("segue_"))].set()

    def _lost(self, _driver: object) -> None:
        self._listening = False


_LOOK_S = 0.05
