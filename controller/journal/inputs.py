"""The messages that were decided, in the order in which they were decided: as they came, or as what they said."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, func, select

from controller.core.errors import Malformed
from controller.journal.store import Store
from controller.journal.tables import inbox, journal, no_window
from controller.wire.inbound import REJECTED_SOURCE, RESTORED_SOURCE, Input, Received, read, rejected
from controller.wire.topics import Topic

_PAGE: Final = 500


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
            record = None if row.source == RESTORED_SOURCE else record_of(row)
            yield Taken(row.source, row.id, record, row.position, row.facts)
        if len(rows) < _PAGE:
            return
        after = rows[-1].number


async def inputs(store: Store, service: str) -> AsyncIterator[Input]:
    """Yield one service's messages as what they said, if it is left; what was rejected comes as the rejection."""
    async for one in taken(store, service):
        if one.record is not None:
            yield input_of(one.source, one.record)


async def lost(store: Store, service: str) -> int:
    """
    Return the position up to which facts follow from messages that are known by name alone, as in a restored store.

    Windows aside, as what stands in the journal says all of them. 0 when every message is left.
    """
    # As a rule nothing was ever restored, and then nothing need be read of all the messages of a service.
    if not await store.rows(_RESTORED, {}):
        return 0
    ((position,),) = await store.rows(_LOST, {"service": service})
    return position or 0


def input_of(source: str, record: Received) -> Input:
    """Return what a message said, from the source under which the inbox knows it."""
    if source == REJECTED_SOURCE:
        return rejected(record, Malformed("it was rejected when it came"))
    return read(record)


def record_of(row: Row[*tuple[Any, ...]]) -> Received:
    """Return a message as it came, of a row that has the columns in which it is kept."""
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
_RESTORED: Final = select(_I.number).where(_I.source == RESTORED_SOURCE).limit(1)
_LOST: Final = (
    select(func.max(_I.position + _I.facts))
    .select_from(inbox.join(journal, (_J.stream == _I.service) & (_J.position == _I.position + 1)))
    .where(_I.source == RESTORED_SOURCE, _I.service == bindparam("service"), _I.facts > 0, no_window)
)
