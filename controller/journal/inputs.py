"""The messages that were decided, in the order in which they were decided: as they came, or as what they said."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, select

from controller.core.errors import Malformed
from controller.journal.store import Store
from controller.journal.tables import inbox
from controller.wire.inbound import REJECTED_SOURCE, Input, Received, read, rejected
from controller.wire.topics import Topic

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """
    A message as it came, and what came of it.

    source, id: under which the inbox knows it. position: of the stream before it; `facts` facts follow there.
    """

    source: str
    id: str
    record: Received
    position: int
    facts: int


async def taken(store: Store, service: str) -> AsyncIterator[Taken]:
    """Yield one service's messages as they came, a page in memory at a time."""
    after = 0
    while True:
        rows = await store.rows(_PAGES, {"service": service, "after": after, "limit": _PAGE})
        for row in rows:
            yield Taken(row.source, row.id, _record(row), row.position, row.facts)
        if len(rows) < _PAGE:
            return
        after = rows[-1].number


async def inputs(store: Store, service: str) -> AsyncIterator[Input]:
    """Yield one service's messages as what they said; what was rejected comes as the rejection."""
    async for one in taken(store, service):
        if one.source == REJECTED_SOURCE:
            yield rejected(one.record, Malformed("it was rejected when it came"))
        else:
            yield read(one.record)


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
