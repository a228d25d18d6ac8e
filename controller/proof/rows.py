"""
Rows beside the journal held against it: read tables, timers and services, what the inbox says of facts, and times.

The derived tables are made a second time and compared word for word, within one view of the store; nobody waits.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, MetaData, bindparam, func, or_, select

from controller.journal.facts import Recorded
from controller.journal.rebuild import Progress, shadowed
from controller.journal.session import View, living_schema
from controller.journal.shadow import Differing, differing
from controller.journal.store import Store
from controller.journal.tables import inbox, journal, services, timers
from controller.wire.envelope import time_text
from controller.wire.inbound import RESTORED_SOURCE

_MOST: Final = 20
_CLOCKS_APART_MS: Final = 60_000
"""Two machines' clocks, or a machine's and the broker's, may differ by this much."""
_UNDECIDED_MS: Final = 600_000
"""So long after it fired a timer's message is decided, unless nobody decides at all."""


@dataclass(frozen=True, slots=True)
class RowsVerified:
    """facts: of how many the tables were made. differing: the first values of each table that the facts do not give."""

    facts: int
    differing: tuple[Differing, ...]


async def verify_rows(store: Store, progress: Progress) -> RowsVerified:
    """
    Compare every row that follows from the facts with what they give, while services go on deciding.

    Raises Broken when a fact is missing or cannot be read: `look.verify` says what is wrong with the journal itself.
    """
    times = _Times()
    async with (
        shadowed(store, progress, times.take) as (session, derived),
        session.transaction(View.STILL),
    ):

        def work(connection: Connection) -> list[Differing]:
            derived.catch_up(connection)
            derived.settle(connection)
            return [*differing(connection, _MOST), *_silenced(connection), *_of_inbox(connection)]

        found = await session.do(work)
    return RowsVerified(derived.facts, (*found, *times.found[:_MOST]))


@dataclass(slots=True)
class _Times:
    """When facts were written down: after their messages came, and one after the other, as far as clocks agree."""

    found: list[Differing] = field(default_factory=list)
    _last_ms: dict[str, int] = field(default_factory=dict)

    def take(self, one: Recorded) -> None:
        since_ms = max(one.at_ms, self._last_ms.get(one.stream, 0))
        if one.recorded_at < since_ms - _CLOCKS_APART_MS:
            told = f"{time_text(since_ms)} or later"
            self.found.append(Differing("journal", one.id, "recorded_at", time_text(one.recorded_at), told))
        self._last_ms[one.stream] = one.recorded_at


def _silenced(connection: Connection) -> Iterator[Differing]:
    """A timer that fired is decided and gone soon; one that only says so keeps its rollout waiting for ever."""
    # Not the one on its way, which this connection sees under that name.
    t = timers.to_metadata(MetaData(), schema=living_schema(connection)).c
    long_ago = t.fired_at < bindparam("before", type_=t.fired_at.type)
    asked = select(t.stream, t.kind, t.epoch, t.fired_at).where(or_(t.fired_at < t.due_at, long_ago)).limit(_MOST)
    for row in connection.execute(asked, {"before": time.time_ns() // 1_000_000 - _UNDECIDED_MS}):
        told = "no time: no message of it was decided; `segue rebuild` lets it fire again"
        named = f"{row.stream}/{row.kind}/{row.epoch}"
        yield Differing("timers", named, "fired_at", time_text(row.fired_at), told)


def _of_inbox(connection: Connection) -> list[Differing]:
    return [one for check in (_gaps, _ends, _causes) for one in check(connection)]


def _gaps(connection: Connection) -> Iterator[Differing]:
    """What a message led to begins where the one before it ended."""
    for row in connection.execute(_GAPS, {"most": _MOST}):
        yield Differing("inbox", f"{row.source} {row.id}", "position", str(row.position), str(row.due))


def _ends(connection: Connection) -> Iterator[Differing]:
    """The last message of a service led to its last fact."""
    for row in connection.execute(_ENDS, {"most": _MOST}):
        told = f"messages that led to facts up to {row.position}"
        yield Differing("inbox", row.service, "", f"messages that led to facts up to {row.led}", told)


def _causes(connection: Connection) -> Iterator[Differing]:
    """A fact names the message that led to it, and was written down with it."""
    for row in connection.execute(_CAUSES, {"most": _MOST}):
        named = f"{row.source} {row.id}"
        if row.cause != row.id and row.source != RESTORED_SOURCE:
            yield Differing("inbox", named, "id", row.id, f"{row.cause}, by fact {row.fact}")
        if row.recorded_at != row.decided_at:
            by = f"{time_text(row.recorded_at)}, by fact {row.fact}"
            yield Differing("inbox", named, "decided_at", time_text(row.decided_at), by)


_I, _J, _S = inbox.c, journal.c, services.c
_MOST_ROWS: Final = bindparam("most", type_=_I.facts.type)
_DUE: Final = func.lag(_I.position + _I.facts, 1, 0).over(partition_by=_I.service, order_by=_I.number)
_LED: Final = select(_I.source, _I.id, _I.service, _I.position, _DUE.label("due")).where(_I.facts > 0).subquery()
_GAPS: Final = (
    select(_LED).where(_LED.c.position != _LED.c.due).order_by(_LED.c.service, _LED.c.position).limit(_MOST_ROWS)
)
_LAST: Final = (
    select(_I.service, func.max(_I.position + _I.facts).label("led"))
    .where(_I.facts > 0)
    .group_by(_I.service)
    .subquery()
)
_REACHED: Final = func.coalesce(_LAST.c.led, 0)
_ENDS: Final = (
    select(_S.service, _S.position, _REACHED.label("led"))
    .outerjoin(_LAST, _LAST.c.service == _S.service)
    .where(_S.position != _REACHED)
    .order_by(_S.service)
    .limit(_MOST_ROWS)
)
_CAUSES: Final = (
    select(_I.source, _I.id, _I.decided_at, _J.id.label("fact"), _J.cause, _J.recorded_at)
    .join(
        journal,
        (_J.stream == _I.service) & (_J.position > _I.position) & (_J.position <= _I.position + _I.facts),
    )
    .where(
        _I.facts > 0,
        or_((_J.cause != _I.id) & (_I.source != RESTORED_SOURCE), _J.recorded_at != _I.decided_at),
    )
    .order_by(_J.stream, _J.position)
    .limit(_MOST_ROWS)
)
