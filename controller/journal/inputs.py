"""The messages that were decided, read again as what they said, in the order in which they were decided."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy import Row, bindparam, select

from controller.core.errors import Malformed
from controller.journal.store import Store
from controller.journal.tables import inbox
from controller.wire.inbound import REJECTED_SOURCE, Input, Received, read, rejected
from controller.wire.topics import Topic

_PAGE: Final = 500


async def inputs(store: Store, service: str) -> AsyncIterator[Input]:
    """Yield one service's messages, a page in memory at a time; what was rejected comes as the rejection."""
    after = 0
    while True:
        rows = await store.rows(_PAGES, {"service": service, "after": after, "limit": _PAGE})
        for row in rows:
            yield _input(row)
        if len(rows) < _PAGE:
            return
        after = rows[-1].number


def _input(row: Row[*tuple[Any, ...]]) -> Input:
    headers = tuple((name, b64decode(value)) for name, value in json.loads(row.headers))
    record = Received(Topic(row.topic), row.partition, row.offset, row.key, row.value, headers, row.sent_ms)
    if row.source == REJECTED_SOURCE:
        return rejected(record, Malformed("it was rejected when it came"))
    return read(record)


_I: Final = inbox.c
_PAGES: Final = (
    select(_I.number, _I.source, _I.topic, _I.partition, _I.offset, _I.sent_ms, _I.key, _I.value, _I.headers)
    .where(_I.service == bindparam("service"), _I.number > bindparam("after", type_=_I.number.type))
    .order_by(_I.number)
    .limit(bindparam("limit"))
)
