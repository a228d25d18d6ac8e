"""
Months that are over are closed: the last fact of each stream in them is signed, and then nobody asks for it again.

Which months a key has closed is remembered in SQL, so it holds for every process and after each start. Another key has
closed none, and a month that was away and is attached again is forgotten, since what came late lies in it now.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, text

from controller.core.errors import Conflict
from controller.journal.checkpoints import Grown, grown, kept_at
from controller.journal.partitions import Last, Month, last_facts, months
from controller.journal.store import Store
from controller.journal.tables import closings

_LATE: Final = timedelta(hours=1)
"""For so long after a month's end its last messages may still wait to be decided."""


async def unsigned(store: Store, key: str, now_ms: int) -> list[Grown]:
    """Return every fact that a key has to sign: the last of each stream that has grown, and where months ended."""
    # In this order: a fact that comes in between is beyond what has grown, and does not hide the one before it.
    beyond = await grown(store, key)
    return list(dict.fromkeys([*await closing(store, key, now_ms), *beyond]))


async def closing(store: Store, key: str, now_ms: int) -> list[Grown]:
    """
    Return the last fact of every month that is over, of each stream, that no checkpoint of a key speaks of.

    A month in which all are signed is remembered as closed. From then on it is asked only about streams whose next fact
    to be signed lies in a closed month: what was decided late.
    """
    over = datetime.fromtimestamp(now_ms / 1000, UTC) - _LATE

    def work(connection: Connection) -> tuple[list[Grown], list[str]]:
        there = months(connection)
        known = set(connection.scalars(_CLOSED, {"key": key})) if there else set()
        late = _late(connection, key, [month for month in there if month.table in known])
        found, closed = list[Grown](), list[str]()
        for month in there:
            if month.table in known:
                found += _open(connection, key, last_facts(connection, month, late) if late else [])
            elif month.until < over and (ends := last_facts(connection, month)):
                found += (left := _open(connection, key, ends))
                closed += [] if left else [month.table]
        return found, closed

    found, closed = await store.read(work)
    if closed:
        await _remember(store, key, closed)
    return found


def _open(connection: Connection, key: str, ends: Sequence[Last]) -> list[Grown]:
    signed = {(one.service, one.position) for one in kept_at(connection, ends) if one.key == key}
    return [Grown(*astuple(one)) for one in ends if (one.service, one.position) not in signed]


def _late(connection: Connection, key: str, closed: Sequence[Month]) -> list[str]:
    if not closed:
        return []
    return list(connection.scalars(_LATE_STREAMS, {"key": key, "open": max(month.until for month in closed)}))


async def _remember(store: Store, key: str, closed: Sequence[str]) -> None:
    values = [{"key": key, "month": month} for month in closed]
    with suppress(Conflict):  # somebody else who signs with this key was first
        await store.write(lambda connection: connection.execute(insert(closings), values))


_CLOSED: Final = select(closings.c.month).where(closings.c.key == bindparam("key"))
# Time never runs backwards in a stream: when its next fact lies beyond the closed months, so do all that follow it.
_LATE_STREAMS: Final = text(
    """
    SELECT s.service
    FROM services s LEFT JOIN (
        SELECT service, max(position) AS position FROM checkpoints WHERE key = :key GROUP BY service
    ) l ON l.service = s.service
    WHERE s.position > coalesce(l.position, 0) AND NOT EXISTS (
        SELECT 1 FROM journal j
        WHERE j.stream = s.service AND j.position = coalesce(l.position, 0) + 1 AND j.occurred_at >= :open
    )
    """
)
