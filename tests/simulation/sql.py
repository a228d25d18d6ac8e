"""
A store on real SQLite, in memory and in one thread, that may not answer: before a transaction, or after its commit.

A transaction is one step, as others see it. What a process waits for is its way to the database and its answer's way
back; killed on the former it has written nothing, on the latter everything.
"""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from controller.core.errors import Conflict, Unavailable
from controller.journal import Store
from controller.journal.heads import Folded
from controller.journal.schema import upgrade
from controller.journal.sqlite import SqliteDatabase
from controller.journal.troubles import told
from controller.journal.wake import Bell
from tests.simulation.broker import Broker
from tests.simulation.faults import Operation
from tests.simulation.process import current
from tests.simulation.schedule import Fault

T = TypeVar("T")

_WAY_S: Final = 0.004
_LATE_S: Final = 1.0
_UNANSWERED: Final = "simulated: the database does not answer"


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "segue.db"
        upgrade(f"sqlite:///{file}")
        with sqlite3.connect(file) as connection:
            # An image that says it has a log beside it cannot be had in memory.
            connection.execute("PRAGMA journal_mode = DELETE")
            image = connection.serialize()
        connection.close()
        return image


@cache
def engine() -> Engine:
    """Return the database that every simulation of this process uses, one after another."""
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"isolation_level": None})

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made


def empty() -> None:
    """Make the database an empty one of the newest schema."""
    with engine().connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        connection.rollback()
        driver.rollback()
        driver.deserialize(_empty())


class Bells:
    """Who sleeps until something changes, in whatever process."""

    def __init__(self) -> None:
        self.sleepers: defaultdict[Bell, list[asyncio.Event]] = defaultdict(list)


@dataclass(slots=True, eq=False)
class Reservation:
    """Numbers of the outbox that a transaction has taken and not used. rivals: whose messages were committed since."""

    after: int
    rivals: set[bytes] = field(default_factory=set)


class Sequence:
    """
    The outbox's numbers as PostgreSQL gives them: taken when a transaction begins, seen when it commits.

    Never within a service: its numbers are taken under its lock, in the order of its decisions.
    """

    def __init__(self) -> None:
        self._reserved: list[Reservation] = []

    @contextmanager
    def reserved(self, early: bool) -> Iterator[Reservation | None]:
        """Take numbers now for a transaction that may commit later than others, if it is to take them early."""
        if not early:
            yield None
            return
        with engine().begin() as connection:
            after = _last_number(connection)
            connection.exec_driver_sql(_TAKE, (_NUMBERS,))
        reservation = Reservation(after)
        self._reserved.append(reservation)
        try:
            yield reservation
        finally:
            self._reserved.remove(reservation)

    def run(self, work: Callable[[Connection], T], connection: Connection, mine: Reservation | None) -> T:
        """Run work; what it put into the outbox gets the numbers that were taken for it."""
        if not self._reserved:
            return work(connection)
        before = _last_number(connection)
        result = work(connection)
        new = connection.exec_driver_sql(_NEW, (before,)).all()
        keys = {key for _, key in new}
        if mine is not None and mine.after and not keys & mine.rivals:
            for number, (id, _) in enumerate(new, mine.after + 1):
                connection.exec_driver_sql(_RENUMBER, (number, id))
        for other in self._reserved:
            if other is not mine:
                other.rivals |= keys
        return result


def _last_number(connection: Connection) -> int:
    return int(connection.exec_driver_sql(_LAST).scalar() or 0)


_NUMBERS: Final = 1000
_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"
_TAKE: Final = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'outbox'"
_NEW: Final = "SELECT id, key FROM outbox WHERE id > ? ORDER BY id"
_RENUMBER: Final = "UPDATE outbox SET id = ? WHERE id = ?"


class SimulatedWake:
    """Wakes who sleeps, at once; a wake-up may be lost."""

    def __init__(self, bells: Bells, broker: Broker) -> None:
        self._process = current()
        self._bells = bells
        self._faults = broker.faults
        self._rang = {bell: asyncio.Event() for bell in Bell}
        for bell, rang in self._rang.items():
            bells.sleepers[bell].append(rang)

    def ring(self, bell: Bell) -> None:
        """Wake all who sleep for this."""
        current()
        if self._faults.next(self._process.name, Operation.WAKE) is None:
            for rang in self._bells.sleepers[bell]:
                rang.set()

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        """Sleep until it rings, or the time is over."""
        current()
        rang = self._rang[bell]
        try:
            async with asyncio.timeout(timeout_s):
                await rang.wait()
        except TimeoutError:
            return False
        rang.clear()
        return True

    async def close(self) -> None:
        """Have nothing to let go of."""


class SimulatedDatabase(SqliteDatabase):
    """One process's way to the database. file: beside which the relay's turn is locked."""

    def __init__(self, file: Path, broker: Broker, sequence: Sequence, committed: Callable[[], None]) -> None:
        self.file = file
        self._sequence = sequence
        self.name = URL.create("sqlite", database="simulated").render_as_string()
        self._process = current()
        self._faults = broker.faults
        self._chance = broker.chance(f"{self._process.name}/sql")
        self._committed = committed

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work in a transaction that keeps nothing."""
        struck = self._faults.next(current().name, Operation.READ)
        await self._way()
        if struck is not None:
            raise Unavailable(_UNANSWERED)
        with told(self.name), engine().connect() as connection:
            result = work(connection)
        await self._way()
        return result

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in a transaction that is kept as a whole; its answer may be lost."""
        struck = self._faults.next(current().name, Operation.WRITE)
        late = struck is not None and struck.fault is Fault.LATE_COMMIT
        with self._sequence.reserved(late) as reservation:
            await self._way()
            if late:
                await asyncio.sleep(_LATE_S)
            if struck is not None and struck.fault is Fault.WRITE_REFUSED:
                raise Unavailable(_UNANSWERED)
            if struck is not None and struck.fault is Fault.WRITE_RIVALLED:
                raise Conflict("simulated: somebody else wrote first")
            with told(self.name), engine().begin() as connection:
                result = self._sequence.run(work, connection, reservation)
        self._committed()
        await self._way()
        if struck is not None and struck.fault is Fault.COMMIT_UNANSWERED:
            raise Unavailable(_UNANSWERED)
        return result

    async def close(self) -> None:
        """Have nothing to close: the next process goes on with the same database."""

    async def _way(self) -> None:
        await asyncio.sleep(_WAY_S * self._chance.random())
        current()


class SimulatedStore(Store):
    """The real store on a simulated database."""

    def __init__(
        self, file: Path, broker: Broker, bells: Bells, sequence: Sequence, committed: Callable[[], None]
    ) -> None:
        self.folded = Folded()
        self._database = SimulatedDatabase(file, broker, sequence, committed)
        self._wake = SimulatedWake(bells, broker)
