"""
The store: transactions for whoever reads or decides, the outbox for the relay, the timers for whoever keeps time.

Everything here raises Unavailable while the database is away, and Conflict when another writer was first.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row

from controller.core.errors import Broken, Conflict
from controller.journal import clock, outbox, revision, timers
from controller.journal.clock import ServerClock
from controller.journal.database import Database, database
from controller.journal.heads import Folded
from controller.journal.lives import FileLife, Life, SessionLife
from controller.journal.outbox import OutboxRow
from controller.journal.session import Session
from controller.journal.sqlite import SqliteDatabase
from controller.journal.turn import FileTurn, SessionTurn, file_turn, session_turn
from controller.journal.wake import Bell, NotifyWake, SocketWake, Wake

T = TypeVar("T")


async def open_store(database_url: str) -> "Store":
    """
    Connect to a store whose schema is the newest.

    Raises Malformed when the address cannot be read, Unavailable when nothing answers there, Broken when the schema is
    too old or too new; each says what to do.
    """
    store = Store(database_url)
    try:
        store.check_file()
        await store.read(lambda connection: revision.check(connection, store.name))
    except BaseException:
        await store.close()
        raise
    return store


class Relay:
    """The one relay of a shard, as long as its turn lasts. Whatever it is asked raises TurnLost when that is over."""

    def __init__(self, database: Database, shard: int, turn: FileTurn | SessionTurn) -> None:
        self._database = database
        self._shard = shard
        self._turn = turn

    async def sign(self) -> None:
        """Do nothing, but raise TurnLost when the turn is over."""
        await self._turn.sign()

    async def standing(self) -> list[OutboxRow]:
        """
        Return every service's routing table as it stands, to be published before the first batch.

        The batches then end with the same tables or newer ones. They have no id, and are not to be deleted.
        """
        return await self._read(outbox.standing)

    async def next_batch(self, limit: int) -> list[OutboxRow]:
        """Return the oldest unpublished messages, at most `limit`; each service's in the order of its decisions."""

        def work(connection: Connection) -> list[OutboxRow]:
            return outbox.next_batch(connection, self._shard, limit)

        return await self._read(work)

    async def delete(self, ids: Iterable[int]) -> None:
        """Forget messages that Kafka has acknowledged."""

        def work(connection: Connection) -> None:
            outbox.remove(connection, ids)

        if isinstance(self._turn, FileTurn):
            await self._turn.sign()
            await self._database.write(work)
        else:
            async with self._turn.working() as connection:
                await connection.run_sync(work)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        if isinstance(self._turn, FileTurn):
            await self._turn.sign()
            return await self._database.read(work)
        async with self._turn.working() as connection:
            return await connection.run_sync(work)


class Store:
    """One database as one process uses it. Belongs to the event loop in which it was opened."""

    def __init__(self, database_url: str) -> None:
        self.folded = Folded()
        self._database = database(database_url)
        self._server_clock = ServerClock()
        self._wake: Wake = (
            SocketWake(self._database.file)
            if isinstance(self._database, SqliteDatabase)
            else NotifyWake(self._database)
        )

    @property
    def name(self) -> str:
        """The database and host, without the password."""
        return self._database.name

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work within one transaction that keeps nothing. On SQLite it runs in another thread."""
        return await self._database.read(work)

    async def rows(self, statement: Executable, values: Mapping[str, object]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return everything that one statement reads."""
        return await self.read(lambda connection: connection.execute(statement, values).all())

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work within one transaction: kept as a whole when it returns, or not at all when it raises."""
        return await self._database.write(work)

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Give a connection of one's own, for work that takes long; see `session`."""
        return self._database.session()

    def ring(self, bell: Bell) -> None:
        """Wake who sleeps for what a committed transaction changed."""
        self._wake.ring(bell)

    @asynccontextmanager
    async def relay(self, shard: int = outbox.SHARD) -> AsyncIterator[Relay]:
        """
        Become the one relay of a shard; waits until no other is, or until that one stands still.

        The turn falls free when this process dies.
        """
        if isinstance(self._database, SqliteDatabase):
            async with file_turn(self._database.file, shard) as turn:
                yield Relay(self._database, shard, turn)
        else:
            async with session_turn(self._database, shard) as turn:
                yield Relay(self._database, shard, turn)

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Life]:
        """Be seen to live by all other processes on this database for the length of the block."""
        database = self._database
        life = FileLife(database.file) if isinstance(database, SqliteDatabase) else SessionLife(database)
        try:
            yield life
        finally:
            await life.close()

    async def publish_tables(self) -> int:
        """Have every service's routing table published again, as it stands; return how many there are."""
        services = await self.write(outbox.put_routing)
        self.ring(Bell.OUTBOX)
        return services

    async def wait_for_outbox(self, timeout_s: float) -> bool:
        """Sleep until any process has put something into the outbox (True), or the time is over (False)."""
        return await self._wake.wait(Bell.OUTBOX, timeout_s)

    async def now_ms(self) -> int:
        """
        Return the time, milliseconds since 1970, by the one clock that all processes on this database share.

        PostgreSQL: the server's. SQLite: the machine's.
        """
        if isinstance(self._database, SqliteDatabase):
            return clock.machine_ms()
        return self._server_clock.hear(await self.read(clock.asked))

    async def clock(self) -> Callable[[], int]:
        """Return that clock, to be read within a transaction; the database itself is asked once a minute."""
        if isinstance(self._database, SqliteDatabase):
            return clock.machine_ms
        if not self._server_clock.known:
            await self.now_ms()
        return self._server_clock.now_ms

    async def fire_due(self, now_ms: int) -> int | None:
        """
        Put a message into the outbox for each timer due by now_ms, once; return when the next one is due, if any is.

        Several processes may do so at once: a timer fires in one of them.
        """
        due_ms = await self.read(timers.next_due)
        if due_ms is None or due_ms > now_ms:
            return due_ms
        try:
            due_ms = await self.write(lambda connection: timers.fire(connection, now_ms))
        except Conflict:
            return due_ms  # a decider was first; what is due still is, and the caller comes again at once
        self.ring(Bell.OUTBOX)
        return due_ms

    async def wait_for_timers(self, timeout_s: float) -> bool:
        """Sleep until any process has set a timer (True), or the time is over (False)."""
        return await self._wake.wait(Bell.TIMERS, timeout_s)

    def check_file(self) -> None:
        """Raise Broken when this is SQLite and there is no file: connecting would make an empty one."""
        if isinstance(self._database, SqliteDatabase) and not self._database.file.exists():
            raise Broken(f"there is no database {self._database.file}: run `segue db upgrade`")

    async def close(self) -> None:
        """Close every connection."""
        await self._wake.close()
        await self._database.close()
