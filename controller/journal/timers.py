"""
What services wait for, and turning what is due into messages.

The rows follow the state: what a service waits for after a batch is compared with what it waited for before. Firing a
timer is a message in the outbox and a mark on its row, in one transaction; only deciding that message removes the row.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from controller.core.rollout import Timer
from controller.core.state import timers as timers_of
from controller.journal.bulk import Bulk
from controller.journal.heads import Head
from controller.journal.outbox import Outgoing, put
from controller.journal.tables import timers
from controller.wire.envelope import encode
from controller.wire.messages import MessageType
from controller.wire.topics import Topic

SOURCE: Final = "segue/timers"


def save(connection: Connection, before: Mapping[str, Head], after: Mapping[str, Head]) -> bool:
    """Write the difference between what services waited for and what they wait for now; say whether any is new."""
    gone, new = [], []
    # In the order in which `fire` takes the same rows, so that the two do not wait for one another in a circle.
    for name, head in sorted(after.items()):
        if head.history.state is before[name].history.state:
            continue
        waited, waits = set(timers_of(before[name].history.state)), set(timers_of(head.history.state))
        gone += [_key(name, timer) for timer in sorted(waited - waits, key=_order)]
        new += [row(name, timer) for timer in sorted(waits - waited, key=_order)]
    if gone:
        _FORGET.run(connection, gone)
    if new:
        _SET.run(connection, new)
    return bool(new)


def next_due(connection: Connection) -> int | None:
    """Return when the earliest timer that has not fired is due; None when there is none."""
    due_ms: int | None = connection.scalar(_NEXT)
    return due_ms


def fire(connection: Connection, now_ms: int) -> int | None:
    """Put a message into the outbox for each timer that is due and has not fired; return when the next one is due."""
    # Whoever else fires waits for these rows, then finds them fired.
    due = (connection.execute(_DUE, {"now": now_ms})).all()
    if not due:
        return next_due(connection)
    connection.execute(
        _FIRED, [{"in_stream": row.stream, "of_kind": row.kind, "at_epoch": row.epoch, "at": now_ms} for row in due]
    )
    put(connection, [_elapsed(row.stream, row.kind, row.epoch, now_ms) for row in due])
    return next_due(connection)


def row(stream: str, timer: Timer) -> dict[str, object]:
    """Return the row of a timer that has not fired."""
    return {
        "stream": stream,
        "kind": timer.kind.value,
        "epoch": timer.epoch,
        "due_ms": timer.due_ms,
        "due_at": timer.due_ms,
    }


_FORGET: Final = Bulk(
    delete(timers).where(
        timers.c.stream == bindparam("in_stream"),
        timers.c.kind == bindparam("of_kind"),
        timers.c.epoch == bindparam("at_epoch"),
    )
)
_SET: Final = Bulk(insert(timers))
_NEXT: Final = select(func.min(timers.c.due_ms)).where(timers.c.fired_at.is_(None))
_DUE: Final = (
    select(timers.c.stream, timers.c.kind, timers.c.epoch)
    .where(timers.c.fired_at.is_(None), timers.c.due_ms <= bindparam("now"))
    .order_by(timers.c.stream, timers.c.kind, timers.c.epoch)
    .with_for_update()
)
_FIRED: Final = (
    update(timers)
    .where(
        timers.c.stream == bindparam("in_stream"),
        timers.c.kind == bindparam("of_kind"),
        timers.c.epoch == bindparam("at_epoch"),
    )
    .values(fired_at=bindparam("at"))
)


def _key(stream: str, timer: Timer) -> dict[str, object]:
    return {"in_stream": stream, "of_kind": timer.kind.value, "at_epoch": timer.epoch}


def _order(timer: Timer) -> tuple[str, int]:
    return timer.kind.value, timer.epoch


def _elapsed(service: str, kind: str, epoch: int, now_ms: int) -> Outgoing:
    id = f"timer/{service}/{kind}/{epoch}"
    body = encode(MessageType.ELAPSED, SOURCE, id, service, {"kind": kind, "epoch": epoch}, now_ms)
    return Outgoing(Topic.SIGNALS, service, body)
