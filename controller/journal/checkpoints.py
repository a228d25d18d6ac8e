"""Signed checkpoints: which streams have grown since their last one, and keeping new ones for SQL and Kafka at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, insert, select, tuple_

from controller.core.errors import Conflict
from controller.journal import outbox
from controller.journal.bound import padded
from controller.journal.outbox import Outgoing
from controller.journal.partitions import Last, detached_before
from controller.journal.store import Store
from controller.journal.tables import checkpoints, journal, services
from controller.journal.wake import Bell
from controller.wire.checkpoint import Checkpoint, checkpoint_message
from controller.wire.topics import Topic

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Grown:
    """A stream whose last fact no checkpoint of a key speaks of."""

    service: str
    position: int
    hash: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A stream that no longer holds what was signed last. holds: the hash that stands there now, None for no fact."""

    service: str
    position: int
    signed: str
    holds: str | None


async def lost(store: Store, key: str) -> list[Lost]:
    """
    Return every stream whose fact at the last checkpoint signed with this key is not the one that was signed.

    One that lies in a month which was detached is as it was signed when what is left follows it.
    """

    def work(connection: Connection) -> list[Lost]:
        detached = detached_before(connection) is not None
        return [
            Lost(row.service, row.position, row.signed, row.holds)
            for row in connection.execute(_LOST, {"key": key})
            if row.holds or not detached or row.signed != (row.followed or row.head)
        ]

    return await store.read(work)


async def grown(store: Store, key: str) -> list[Grown]:
    """Return every stream that has facts beyond the last checkpoint signed with this key."""
    return [Grown(*row) for row in await store.rows(_GROWN, {"key": key})]


async def keep(store: Store, signed: Sequence[Checkpoint]) -> bool:
    """Keep checkpoints in SQL and leave them for Kafka; say whether: False when somebody else signed meanwhile."""
    if not signed:
        return True

    def work(connection: Connection) -> None:
        connection.execute(insert(checkpoints), [row(one) for one in signed])
        # A key's words lie in one partition, in their order: none arrives before the one that it names.
        outbox.put(connection, [Outgoing(Topic.CHECKPOINTS, one.key, checkpoint_message(one)) for one in signed])

    try:
        await store.write(work)
    except Conflict:
        return False  # what is still missing is found by the next look
    store.ring(Bell.OUTBOX)
    return True


def kept_at(connection: Connection, facts: Sequence[Last]) -> list[Checkpoint]:
    """Return the checkpoints of these facts, whoever signed them."""
    found: list[Checkpoint] = []
    for start in range(0, len(facts), _AT_ONCE):
        places = padded([(one.service, one.position) for one in facts[start : start + _AT_ONCE]])
        found += [Checkpoint(*row) for row in connection.execute(_KEPT_AT, {"places": places})]
    return found


async def latest(store: Store, key: str) -> Checkpoint | None:
    """Return the last checkpoint of a key's chain; None before the first."""
    rows = await store.rows(_LATEST, {"key": key})
    return Checkpoint(*rows[0]) if rows else None


async def kept(store: Store) -> list[Checkpoint]:
    """Return every checkpoint in SQL, service by service, by position."""
    return [Checkpoint(*row) for row in await store.rows(_KEPT, {})]


def row(one: Checkpoint) -> dict[str, object]:
    """Return a checkpoint as its table has it."""
    return {
        "service": one.service,
        "position": one.position,
        "key": one.key,
        "hash": one.hash,
        "signed_at": one.signed_ms,
        "signature": one.signature,
        "number": one.number,
        "previous": one.previous,
    }


_C: Final = checkpoints.c
_LAST: Final = (
    select(_C.service, func.max(_C.position).label("position"))
    .where(_C.key == bindparam("key"))
    .group_by(_C.service)
    .subquery()
)
_GROWN: Final = (
    # The hash of the fact itself: the service's row is made from facts, and may be made anew.
    select(services.c.service, services.c.position, journal.c.hash)
    .join(journal, and_(journal.c.stream == services.c.service, journal.c.position == services.c.position))
    .outerjoin(_LAST, _LAST.c.service == services.c.service)
    .where(services.c.position > func.coalesce(_LAST.c.position, 0))
    .order_by(services.c.service)
)
_SIGNED_HERE: Final = and_(_C.service == _LAST.c.service, _C.position == _LAST.c.position)
_HELD: Final = journal.alias("held")
_NEXT: Final = journal.alias("following")
_LOST: Final = (
    select(
        *(_C.service, _C.position, _C.hash.label("signed"), _HELD.c.hash.label("holds")),
        # Of what follows it, and where nothing does, of the service's last fact, when that is this one.
        *(_NEXT.c.prev_hash.label("followed"), services.c.head_hash.label("head")),
    )
    .join(_LAST, _SIGNED_HERE)
    .outerjoin(_HELD, and_(_HELD.c.stream == _LAST.c.service, _HELD.c.position == _LAST.c.position))
    .outerjoin(_NEXT, and_(_NEXT.c.stream == _LAST.c.service, _NEXT.c.position == _LAST.c.position + 1))
    .outerjoin(services, and_(services.c.service == _LAST.c.service, services.c.position == _LAST.c.position))
    .where(_C.key == bindparam("key"), _HELD.c.hash.is_distinct_from(_C.hash))
    .order_by(_C.service)
)
_KEPT: Final = select(
    _C.service, _C.position, _C.hash, _C.signed_at, _C.key, _C.signature, _C.number, _C.previous
).order_by(_C.service, _C.position, _C.key)
_KEPT_AT: Final = _KEPT.where(tuple_(_C.service, _C.position).in_(bindparam("places", expanding=True)))
_LATEST: Final = (
    _KEPT.order_by(None).where(_C.key == bindparam("key"), _C.number > 0).order_by(_C.number.desc()).limit(1)
)
