"""
The messages that were decided, in the order in which they were decided: as they came, or as what they said.

Windows of measurements are nearly all of them. Whoever can do with what the journal made of one reads less and faster.
"""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select

from controller.core.errors import Malformed
from controller.core.events import WindowMeasured
from controller.journal.bound import padded
from controller.journal.inbox import RESTORED_SOURCE
from controller.journal.store import Store
from controller.journal.tables import inbox, journal, no_window
from controller.wire.inbound import REJECTED_SOURCE, Input, Received, read, rejected
from controller.wire.topics import Topic

_PAGE: Final = 500
_MANY: Final = 2000


@dataclass(frozen=True, slots=True)
class Taken:
    """
    A message as it came, and what came of it.

    source, id: under which the inbox knows it. position: of the stream before it; `facts` facts follow there. In a
    store that was restored, record is None where nothing but the name is left, and position -1 where a message led to
    nothing, upon nobody knows which facts.
    """

    source: str
    id: str
    record: Received | None
    position: int
    facts: int


async def taken(store: Store, service: str) -> AsyncIterator[Taken]:
    """Yield one service's messages as they came, a page in memory at a time."""
    after = 0
    while True:
        rows = await store.rows(_PAGES, {"service": service, "after": after, "limit": _PAGE})
        for row in rows:
            record = None if row.source == RESTORED_SOURCE else _record(row)
            yield Taken(row.source, row.id, record, row.position, row.facts)
        if len(rows) < _PAGE:
            return
        after = rows[-1].number


async def inputs(store: Store, service: str) -> AsyncIterator[Input]:
    """Yield one service's messages as what they said, if it is left; what was rejected comes as the rejection."""
    async for one in taken(store, service):
        if one.record is not None:
            yield _input(one.source, one.record)


class Measured(NamedTuple):
    """A message that measured a window: its id and time, and schema and body of the fact `WindowMeasured`."""

    id: str
    sent_ms: int
    schema: int
    body: str


async def messages(store: Store, service: str, position: int) -> AsyncIterator[list[Input | Measured]]:
    """
    Yield a service's messages, a page at a time, from the one that led to the fact after `position`; from -1 on all.

    One that led to a window in the journal comes as what stands there.
    """
    after = 0
    while True:
        values = {"service": service, "position": position, "after": after, "limit": _MANY}
        places, page = await store.read(partial(_page, values=values))
        if page:
            yield page
        if len(places) < _MANY:
            return
        after = places[-1].number


async def lost(store: Store, service: str) -> int:
    """
    Return the position up to which facts follow from messages that are known by name alone, as in a restored store.

    Windows aside, as what stands in the journal says all of them. 0 when every message is left.
    """
    ((position,),) = await store.rows(_LOST, {"service": service})
    return position or 0


def _page(
    connection: Connection, values: Mapping[str, object]
) -> tuple[Sequence[Row[*tuple[Any, ...]]], list[Input | Measured]]:
    """Return places in the inbox, and the messages there. Three statements take half as long as one that joins."""
    places = connection.execute(_PLACES, values).all()
    if not places:
        return places, []
    first, last = min(place.position for place in places) + 1, max(place.position for place in places) + 1
    between = {"stream": values["service"], "first": first, "last": last}
    windows = {place: rest for place, *rest in connection.execute(_WINDOWS, between)}
    others = [number for number, _, position, facts in places if not facts or position + 1 not in windows]
    said = {row.number: row for row in connection.execute(_THESE, {"numbers": padded(others)})} if others else {}
    page: list[Input | Measured] = []
    for number, sent_ms, position, facts in places:
        window = windows.get(position + 1) if facts else None
        if window is not None:
            cause, schema, body = window
            page.append(Measured(cause, sent_ms, schema, body))
        elif number in said:
            page.append(_input(said[number].source, _record(said[number])))
    return places, page


def _input(source: str, record: Received) -> Input:
    if source == REJECTED_SOURCE:
        return rejected(record, Malformed("it was rejected when it came"))
    return read(record)


def _record(row: Row[*tuple[Any, ...]]) -> Received:
    headers = tuple((name, b64decode(value)) for name, value in json.loads(row.headers))
    return Received(Topic(row.topic), row.partition, row.offset, row.key, row.value, headers, row.sent_ms)


_I: Final = inbox.c
_PAGES: Final = (
    select(
        *(_I.number, _I.source, _I.id, _I.topic, _I.partition, _I.offset, _I.sent_ms, _I.key, _I.value, _I.headers),
        *(_I.position, _I.facts),
    )
    .where(_I.service == bindparam("service"), _I.number > bindparam("after", type_=_I.number.type))
    .order_by(_I.number)
    .limit(bindparam("limit"))
)
_J: Final = journal.c
_PLACES: Final = (
    select(_I.number, _I.sent_ms, _I.position, _I.facts)
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
_LOST: Final = (
    select(func.max(_I.position + _I.facts))
    .select_from(inbox.join(journal, (_J.stream == _I.service) & (_J.position == _I.position + 1)))
    .where(_I.source == RESTORED_SOURCE, _I.service == bindparam("service"), _I.facts > 0, no_window)
)
_WINDOWS: Final = select(_J.position, _J.cause, _J.schema, _J.body).where(
    _J.stream == bindparam("stream"),
    _J.position >= bindparam("first", type_=_J.position.type),
    _J.position <= bindparam("last", type_=_J.position.type),
    _J.type == WindowMeasured.__name__,
)
_THESE: Final = select(
    *(_I.number, _I.source, _I.id, _I.topic, _I.partition, _I.offset, _I.sent_ms, _I.key, _I.value, _I.headers)
).where(
    _I.number.in_(bindparam("numbers", expanding=True)),
    # Of a message that is known by its name alone, nothing but a window can be told.
    _I.source != RESTORED_SOURCE,
)
