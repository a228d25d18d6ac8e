"""
The messages that were decided, where windows of measurements come as what the journal made of them.

Nearly all messages are windows. Thousands of them are read as columns: an object for each would take longer to make
than all else that is done with it.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, case, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement

from controller.core.events import WindowMeasured
from controller.journal.bound import padded
from controller.journal.inputs import input_of, record_of
from controller.journal.store import Store
from controller.journal.tables import inbox, journal
from controller.wire.inbound import RESTORED_SOURCE, Input

_MANY: Final = 3000

Rows = Sequence[tuple[Any, ...]]


class Measured(NamedTuple):
    """A message that measured a window: its id and time, and schema and body of the fact `WindowMeasured`."""

    id: str
    sent_ms: int
    schema: int
    body: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """
    Messages in a row that measured windows, column by column.

    schema: that of all their facts. bodies: UTF-8, for who reads them by thousands reads bytes.
    """

    ids: Sequence[str]
    sent_ms: Sequence[int]
    schema: int
    bodies: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def latest_ms(self) -> int:
        """When the last of them was sent, by its own clock."""
        return max(self.sent_ms)

    def at(self, number: int) -> Measured:
        """Return one of them."""
        return Measured(self.ids[number], self.sent_ms[number], self.schema, self.bodies[number].decode())

    def each(self) -> Iterator[Measured]:
        """Yield one after the other."""
        return map(self.at, range(len(self)))


async def messages(store: Store, service: str, position: int) -> AsyncIterator[list[Input | Stretch]]:
    """
    Yield a service's messages, a page at a time, from the one that led to the fact after `position`; from -1 on all.

    Those that led to a window in the journal come as what stands there.
    """
    after = 0
    while True:
        values = {"service": service, "position": position, "after": after, "limit": _MANY}
        places, page = await store.read(partial(_page, values=values))
        if page:
            yield page
        if len(places) < _MANY:
            return
        after = places[-1][0]


def _page(connection: Connection, values: Mapping[str, object]) -> tuple[Rows, list[Input | Stretch]]:
    """Return places in the inbox, and the messages there. Three statements take half as long as one that joins."""
    places = _rows(connection, PLACES, values)
    if not places:
        return places, []
    # A position before the first: of messages that nothing followed from, no window is looked for.
    follow = [place for _, _, place in places if place is not None] or [0]
    between = {"stream": values["service"], "first": min(follow), "last": max(follow)}
    windows = _rows(connection, _WINDOWS, between)
    runs = _runs(places, windows)
    others = [number for run in runs for number in run.others]
    said = {row.number: row for row in connection.execute(_THESE, {"numbers": padded(others)})} if others else {}
    page: list[Input | Stretch] = []
    for run in runs:
        page += _stretches(run.sent_ms, windows[run.first : run.first + len(run.sent_ms)])
        page += [input_of(said[one].source, record_of(said[one])) for one in run.others if one in said]
    return places, page


def _rows(connection: Connection, statement: Select[Any], values: Mapping[str, object]) -> Rows:
    """Return rows of whole numbers and texts as the driver reads them: a `Row` of each would take as long again."""
    with connection.execute(statement, values) as result:
        assert result.cursor is not None, "a SELECT has rows"
        return result.cursor.fetchall()


class _Run(NamedTuple):
    """Windows in a row, from the `first` of a page on, sent at these times; and the numbers of messages after them."""

    first: int
    sent_ms: list[int]
    others: list[int]


def _runs(places: Rows, windows: Rows) -> list[_Run]:
    stands = {row[0]: number for number, row in enumerate(windows)}
    runs, following = [_Run(0, [], [])], -1
    for number, sent_ms, place in places:
        at = stands.get(place)
        if at is None:
            runs[-1].others.append(number)
            following = -1
            continue
        if at != following:
            runs.append(_Run(at, [], []))
        runs[-1].sent_ms.append(sent_ms)
        following = at + 1
    return runs


def _stretches(sent_ms: Sequence[int], windows: Rows) -> Iterator[Stretch]:
    if not windows:
        return
    begin, (_, ids, schemas, bodies) = 0, zip(*windows, strict=True)
    for schema, alike in groupby(schemas):
        end = begin + sum(1 for _ in alike)
        yield Stretch(ids[begin:end], sent_ms[begin:end], schema, bodies[begin:end])
        begin = end


_I: Final = inbox.c
_J: Final = journal.c


class _Utf8(ColumnElement[bytes]):
    """The body as the bytes that the database keeps, which neither it nor the driver need make a text of."""

    inherit_cache = True


@compiles(_Utf8)
def _utf8(_element: _Utf8, compiler: SQLCompiler, **more: Any) -> str:
    body = compiler.process(_J.body, **more)
    return f"CAST({body} AS BLOB)" if compiler.dialect.name == "sqlite" else f"convert_to({body}, 'UTF8')"


PLACES: Final = (
    select(_I.number, _I.sent_ms, case((_I.facts > 0, _I.position + 1)))
    .where(
        _I.service == bindparam("service"),
        _I.number > bindparam("after", type_=_I.number.type),
        or_(
            _I.position > bindparam("position", type_=_I.position.type),
            and_(_I.position == bindparam("position", type_=_I.position.type), _I.facts > 0),
        ),
    )
    .order_by(_I.number)
    .limit(bindparam("limit"))
)
"""Where a service's messages stand, when they were sent, and their first fact: nothing that the index does not hold."""
_WINDOWS: Final = (
    select(_J.position, _J.cause, _J.schema, _Utf8())
    .where(
        _J.stream == bindparam("stream"),
        _J.position >= bindparam("first", type_=_J.position.type),
        _J.position <= bindparam("last", type_=_J.position.type),
        _J.type == WindowMeasured.__name__,
    )
    .order_by(_J.position)
)
_THESE: Final = select(
    *(_I.number, _I.source, _I.id, _I.topic, _I.partition, _I.offset, _I.sent_ms, _I.key, _I.value, _I.headers)
).where(
    _I.number.in_(bindparam("numbers", expanding=True)),
    # Of a message that is known by its name alone, nothing but a window can be told.
    _I.source != RESTORED_SOURCE,
)
