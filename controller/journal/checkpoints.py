"""Signed checkpoints: which streams have grown since their last one, and keeping new ones for SQL and Kafka at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select

from controller.core.errors import Conflict
from controller.journal import outbox
from controller.journal.outbox import Outgoing
from controller.journal.store import Store
from controller.journal.tables import checkpoints, services
from controller.journal.wake import Bell
from controller.wire.checkpoint import Checkpoint, checkpoint_message
from controller.wire.topics import Topic


@dataclass(frozen=True, slots=True)
class Grown:
    """A stream whose last fact no checkpoint of a key speaks of."""

    service: str
    position: int
    hash: str


async def grown(store: Store, key: str) -> list[Grown]:
    """Return every stream that has facts beyond the last checkpoint signed with this key."""
    return [Grown(*row) for row in await store.rows(_GROWN, {"key": key})]


async def keep(store: Store, signed: Sequence[Checkpoint]) -> None:
    """Keep checkpoints in SQL and leave them for Kafka; somebody else's of the same places come first quietly."""
    if not signed:
        return

    def work(connection: Connection) -> None:
        connection.execute(insert(checkpoints), [_row(one) for one in signed])
        outbox.put(connection, [Outgoing(Topic.CHECKPOINTS, one.service, checkpoint_message(one)) for one in signed])

    try:
        await store.write(work)
    except Conflict:
        return  # what is still missing is found by the next look
    store.ring(Bell.OUTBOX)


async def kept(store: Store) -> list[Checkpoint]:
    """Return every checkpoint in SQL, service by service, by position."""
    return [Checkpoint(*row) for row in await store.rows(_KEPT, {})]


def _row(one: Checkpoint) -> dict[str, object]:
    return {
        "service": one.service,
        "position": one.position,
        "key": one.key,
        "hash": one.hash,
        "signed_at": one.signed_ms,
        "signature": one.signature,
    }


_C: Final = checkpoints.c
_LAST: Final = (
    select(_C.service, func.max(_C.position).label("position"))
    .where(_C.key == bindparam("key"))
    .group_by(_C.service)
    .subquery()
)
_GROWN: Final = (
    select(services.c.service, services.c.position, services.c.head_hash)
    .outerjoin(_LAST, _LAST.c.service == services.c.service)
    .where(services.c.position > func.coalesce(_LAST.c.position, 0))
    .order_by(services.c.service)
)
_KEPT: Final = select(_C.service, _C.position, _C.hash, _C.signed_at, _C.key, _C.signature).order_by(
    _C.service, _C.position, _C.key
)
