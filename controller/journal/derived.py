"""What follows from the facts, made from the first one on: heads, read tables, timers; a page in memory at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, tuple_

from controller.core.errors import Broken
from controller.core.state import timers as timers_of
from controller.core.stream import begin, fold
from controller.journal import heads, reads, tables
from controller.journal.append import Link
from controller.journal.facts import Recorded
from controller.journal.heads import Head
from controller.journal.tables import journal
from controller.journal.timers import row as timer_row
from controller.wire.codec import GENESIS_HASH

DERIVED: Final[tuple[Table, ...]] = (
    tables.services,
    tables.rollouts,
    tables.steps,
    tables.routes,
    tables.releases,
    tables.verdicts,
    tables.routers,
    tables.applied,
    tables.timers,
)
"""Every table that the journal alone gives."""

_PAGE: Final = 500


Look = Callable[[Recorded], None]


def unseen(_one: Recorded) -> None:
    """Look at no fact."""


@dataclass(slots=True)
class Derived:
    """
    The tables of `DERIVED` on their way, in whichever tables of these names a connection finds first.

    look: is shown each fact. facts: how many were taken.
    """

    look: Look = unseen
    facts: int = 0
    _heads: dict[str, Head] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)

    def take_page(self, connection: Connection) -> bool:
        """Take the facts after the last one taken, stream by stream, at most a page; say whether there were any."""
        last = next(reversed(self._heads), "")
        place = {"stream": last, "after": self._position(last), "limit": _PAGE}
        return self._take(connection, [Recorded(*row) for row in connection.execute(_AFTER, place)])

    def catch_up(self, connection: Connection) -> set[str]:
        """Take every fact that is there by now, and return the streams that had more than were taken before."""
        ends = {row.stream: row.position for row in connection.execute(_ENDS)}
        behind = {name for name, end in ends.items() if end > self._position(name)}
        for name in sorted(behind):
            while self._take(connection, self._page_of(connection, name)):
                pass
        return behind

    def settle(self, connection: Connection) -> None:
        """Write what services amount to now: their heads, and what they wait for."""
        gone = [{"of": name} for name in self._moved]
        if not gone:
            return
        connection.execute(_NO_HEAD, gone)
        connection.execute(_NO_TIMERS, gone)
        moved = {name: self._heads[name] for name in sorted(self._moved)}
        heads.restore(connection, moved.values())
        waiting = [timer_row(name, timer) for name, head in moved.items() for timer in timers_of(head.history.state)]
        if waiting:
            connection.execute(insert(tables.timers), waiting)
        self._moved.clear()

    def _page_of(self, connection: Connection, name: str) -> Sequence[Recorded]:
        place = {"stream": name, "after": self._position(name), "limit": _PAGE}
        return [Recorded(*row) for row in connection.execute(_OF_STREAM, place)]

    def _take(self, connection: Connection, page: Sequence[Recorded]) -> bool:
        reads.write(connection, [self._link(one) for one in page])
        self.facts += len(page)
        return bool(page)

    def _position(self, name: str) -> int:
        head = self._heads.get(name)
        return head.history.position if head else 0

    def _link(self, one: Recorded) -> Link:
        head = self._heads.get(one.stream) or Head(begin(one.stream), GENESIS_HASH)
        if one.position != head.history.position + 1:
            raise Broken(
                f"fact {one.stream}/{head.history.position + 1} is missing in the journal: attach its month again if "
                "that was detached, else see `segue verify`"
            )
        history = fold(head.history, (one.fact,))
        self._heads[one.stream] = Head(history, one.hash)
        self._moved.add(one.stream)
        self.look(one)
        # The recorded text and hash, not new ones: an old schema's fact is read in today's words and stays as written.
        return Link(one.fact, history.state, one.type, one.body, one.prev_hash, one.hash)


_J: Final = journal.c
_STREAM: Final = bindparam("stream", type_=_J.stream.type)
_PLACE: Final = bindparam("after", type_=_J.position.type)
_FACTS: Final = select(*(_J[name] for name in Recorded.__slots__)).limit(bindparam("limit"))
_AFTER: Final = _FACTS.where(tuple_(_J.stream, _J.position) > tuple_(_STREAM, _PLACE)).order_by(_J.stream, _J.position)
_OF_STREAM: Final = _FACTS.where(_J.stream == _STREAM, _J.position > _PLACE).order_by(_J.position)

# From stream to stream down the index: a walk over all facts would take as long as there are facts.
_FIRST: Final = select(func.min(_J.stream).label("stream")).cte("streams", recursive=True)
_NEXT: Final = select(func.min(_J.stream)).where(_J.stream > _FIRST.c.stream).scalar_subquery()
_STREAMS: Final = _FIRST.union_all(select(_NEXT).where(_FIRST.c.stream.is_not(None)))
_LAST: Final = select(func.max(_J.position)).where(_J.stream == _STREAMS.c.stream).scalar_subquery()
_ENDS: Final = select(_STREAMS.c.stream, _LAST.label("position")).where(_STREAMS.c.stream.is_not(None))

_NO_HEAD: Final = delete(tables.services).where(tables.services.c.service == bindparam("of"))
_NO_TIMERS: Final = delete(tables.timers).where(tables.timers.c.stream == bindparam("of"))
