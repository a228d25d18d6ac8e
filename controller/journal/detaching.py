"""
Old months leave the journal and come back: what is detached stays beside it as a table, for `pg_dump`.

Only the oldest month goes, and only when signed checkpoints vouch for the last fact of each of its streams: so what
follows is still held by a chain that begins at a word nobody can forge.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, text

from controller.core.errors import Broken, Malformed
from controller.journal.checkpoints import kept_at
from controller.journal.partitions import BEGINNING, Last, Month, last_facts, months
from controller.journal.store import Store
from controller.journal.tables import closings
from controller.wire.checkpoint import Checkpoint

Believes = Callable[[Checkpoint], bool]
"""Says whether a checkpoint was signed by somebody who is trusted."""


@dataclass(frozen=True, slots=True)
class Held:
    """
    A month and what it holds. bytes: of its table and indexes.

    open: how many streams' last facts in it no believed checkpoint vouches for. over: whether the month is.
    """

    month: Month
    facts: int
    bytes: int
    open: int
    over: bool


async def held(store: Store, believes: Believes) -> list[Held]:
    """Return the journal's months, oldest first, and what they hold, every fact counted; on SQLite there are none."""

    def work(connection: Connection) -> list[Held]:
        return [
            Held(
                month,
                int(connection.execute(_FACTS, {"since": month.since, "until": month.until}).scalar_one()),
                int(connection.execute(_BYTES, {"table": month.table}).scalar_one()),
                len(uncovered(connection, month, believes)),
                month.until <= datetime.now(UTC),
            )
            for month in months(connection)
        ]

    return await store.read(work)


async def detach(store: Store, name: str, believes: Believes) -> Month:
    """
    Take a month, such as 2026-01, out of the journal. Deciders wait for as long as it is looked at.

    Raises Broken when it is not the oldest or not over, a rollout of its facts runs, or the last fact of one of its
    streams is vouched for by nobody who is believed.
    """
    # In a session: looking at a month of millions of facts may take longer than a decision ever does.
    async with store.session() as session, session.transaction():
        return await session.do(lambda connection: _detach(connection, name, believes))


async def attach(store: Store, name: str) -> Month:
    """
    Bring a month back that was detached: the one before the oldest that is there.

    Raises Broken when there is no such table, or a younger month is missing.
    """
    async with store.session() as session, session.transaction():
        return await session.do(lambda connection: _attach(connection, name))


def check_month(name: str) -> str:
    """Return what names a month; raises Malformed when it names none."""
    if not _MONTH.fullmatch(name):
        raise Malformed(f"{name[:80]!r} is no month: name it by year and month, such as 2026-01")
    return name


def uncovered(connection: Connection, month: Month, believes: Believes) -> list[Last]:
    """Return the last facts of a month for which no checkpoint vouches that is believed."""
    ends = last_facts(connection, month)
    vouched = {(one.service, one.position, one.hash) for one in kept_at(connection, ends) if believes(one)}
    return [one for one in ends if (one.service, one.position, one.hash) not in vouched]


def _detach(connection: Connection, name: str, believes: Believes) -> Month:
    _alone(connection)
    month, *younger = months(connection)
    if month.name != check_month(name):
        raise Broken(f"{name} is not the journal's oldest month: that is {month.name}, and it has to go first")
    if month.until > datetime.now(UTC) or not younger:
        raise Broken(f"{name} is not over yet; detach it after {month.until:%Y-%m-%d %H:%M} UTC")
    running = connection.scalars(_RUNNING, {"since": month.since, "until": month.until}).all()
    if running:
        raise Broken(f"{_listed(running)} still runs and has facts in {name}: detach it when the rollout has ended")
    if open_ends := uncovered(connection, month, believes):
        told = _listed([f"{one.service}/{one.position}" for one in open_ends])
        raise Broken(
            f"no trusted checkpoint vouches for {told}, where {name} ends: let the function `checkpoints` sign with "
            "SEGUE_SIGNING_KEY, and name its public half in SEGUE_TRUSTED_KEYS"
        )
    connection.exec_driver_sql(f"ALTER TABLE journal DETACH PARTITION {month.table}")
    return month


def _attach(connection: Connection, name: str) -> Month:
    _alone(connection)
    oldest = months(connection)[0]
    table = connection.scalar(_THERE, {"month": check_month(name).replace("-", "_")})
    if table is None:
        raise Broken(f"no detached month {name} is in this database: restore its table with pg_restore first")
    month = _month(name, str(table))
    if month.until != oldest.since:
        raise Broken(f"the journal begins at {oldest.since:%Y-%m}: attach the months between first, the youngest first")
    guarded = ("journal_default", month.table)
    for one in guarded:
        connection.exec_driver_sql(f"ALTER TABLE {one} DISABLE TRIGGER USER")
    # What came late, when its month was already gone, goes where it belongs.
    late = {"since": month.since, "until": month.until}
    for statement in _MOVE:
        connection.execute(text(statement.format(table=month.table)), late)
    for one in guarded:
        connection.exec_driver_sql(f"ALTER TABLE {one} ENABLE TRIGGER USER")
    since = "MINVALUE" if month.first else f"'{month.since.isoformat()}'"
    bounds = f"FROM ({since}) TO ('{month.until.isoformat()}')"
    connection.exec_driver_sql(f"ALTER TABLE journal ATTACH PARTITION {month.table} FOR VALUES {bounds}")
    connection.execute(_GUARD, {"table": month.table})
    # What ends it may be another fact now, and its key may have changed since.
    connection.execute(_OPEN_AGAIN, {"table": month.table})
    return month


def _month(name: str, table: str) -> Month:
    since = datetime.strptime(f"{name}-01Z", "%Y-%m-%d%z")
    until = (since + timedelta(days=31)).replace(day=1)
    first = table.startswith("journal_until_")
    return Month(name, table, BEGINNING if first else since, until, first)


def _alone(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        raise Broken("the journal in SQLite is one table: months are detached and attached in PostgreSQL alone")
    connection.exec_driver_sql("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


_FACTS: Final = text("SELECT count(*) FROM journal WHERE occurred_at >= :since AND occurred_at < :until")
_BYTES: Final = text("SELECT pg_total_relation_size(CAST(CAST(:table AS text) AS regclass))")
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_RUNNING: Final = text(
    """
    SELECT r.rollout FROM rollouts r
    WHERE r.ended_at IS NULL AND EXISTS (
        SELECT 1 FROM journal j WHERE j.rollout = r.rollout AND j.occurred_at >= :since AND j.occurred_at < :until
    )
    ORDER BY r.rollout
    """
)
_THERE: Final = text(
    """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND NOT relispartition AND relnamespace = current_schema()::regnamespace
        AND relname IN ('journal_' || :month, 'journal_until_' || :month)
    """
)
_MOVE: Final = (
    "INSERT INTO {table} SELECT * FROM journal_default WHERE occurred_at >= :since AND occurred_at < :until",
    "DELETE FROM journal_default WHERE occurred_at >= :since AND occurred_at < :until",
)
_GUARD: Final = text("SELECT segue_guard_journal(:table)")
_OPEN_AGAIN: Final = delete(closings).where(closings.c.month == bindparam("table"))
