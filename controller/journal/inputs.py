"""
The messages that were decided, in the order in which they were decided: as they came, or as what they said.

Windows of measurements are nearly all of them. Whoever can do with what the journal made of one reads less and faster.
"""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, and_, bindparam, case, func, or_, select

from controller.core.errors import Malformed
from controller.core.events import WindowMeasured
from controller.journal.inbox import RESTORED_SOURCE
from controller.journal.store import Store
from controller.journal.tables import inbox, journal
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


@dataclass(frozen=True, slots=True)
class Measured:
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
        rows = await store.rows(_MESSAGES, values)
        if rows:
            yield [_message(row) for row in rows]
        if len(rows) < _MANY:
            return
        after = rows[-1].number


def _message(row: Row[*tuple[Any, ...]]) -> Input | Measured:
    if row.body is not None:
        return Measured(row.id, row.sent_ms, row.schema, row.body)
    return _input(row.source, _record(row))


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
_WINDOW: Final = and_(
    _J.stream == _I.service,
    _J.position == _I.position + 1,
    _I.facts > 0,
    _J.type == WindowMeasured.__name__,
)
_MESSAGES: Final = (
    select(
        *(_I.number, _I.source, func.coalesce(_J.cause, _I.id).label("id")),
        *(_I.topic, _I.partition, _I.offset, _I.sent_ms),
        *(case((_J.body.is_(None), column)).label(column.name) for column in (_I.key, _I.value, _I.headers)),
        *(_J.schema, _J.body),
    )
    .select_from(inbox.outerjoin(journal, _WINDOW))
    .where(
        _I.service == bindparam("service"),
        _I.number > bindparam("after", type_=_I.number.type),
        # Of a message that is known by its name alone, nothing but a window can be told.
        or_(_I.source != RESTORED_SOURCE, _J.body.is_not(None)),
        or_(
            _I.position > bindparam("position", type_=_I.position.type),
            and_(_I.position == bindparam("position", type_=_I.position.type), _I.facts > 0),
        ),
    )
    .order_by(_I.number)
    .limit(bindparam("limit"))
)
