"""Dead letters: messages that could not be read or decided, exactly as they came, each with the reason."""

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Text, bindparam, cast, column, select, table

from controller.journal.store import Store
from controller.wire.topics import Topic


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """
    A message that could not be read or decided, exactly as it came.

    number: letters are listed by it. letter: "topic/partition/offset"; it comes again when a topic was made anew.
    """

    number: int
    letter: str
    service: str
    topic: Topic
    partition: int
    offset: int
    at_ms: int
    reason: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


async def dead_letters(store: Store, after: int = 0, limit: int = 100) -> list[DeadLetter]:
    """Return dead letters whose number is above `after`, oldest first, at most `limit`."""
    return [_letter(row) for row in await store.rows(_LETTERS, {"after": after, "limit": limit})]


async def dead_letter(store: Store, letter: str) -> DeadLetter | None:
    """Return the newest dead letter from this place, "topic/partition/offset", or None."""
    rows = await store.rows(_ONE, {"letter": letter})
    return _letter(rows[0]) if rows else None


# A view, not a table: the inbox has the message, and the journal says why it was rejected.
_L: Final = table("dead_letters", *(column(name) for name in DeadLetter.__slots__)).c
_PLACE: Final = _L.topic.concat("/").concat(cast(_L.partition, Text)).concat("/").concat(cast(_L.offset, Text))
_EVERY: Final = select(*(_PLACE.label(name) if name == "letter" else _L[name] for name in DeadLetter.__slots__))
_LETTERS: Final = _EVERY.where(_L.number > bindparam("after")).order_by(_L.number).limit(bindparam("limit"))
_ONE: Final = _EVERY.where(bindparam("letter") == _PLACE).order_by(_L.number.desc()).limit(1)


def _letter(row: Row[*tuple[Any, ...]]) -> DeadLetter:
    headers = tuple((name, b64decode(value)) for name, value in json.loads(row.headers))
    values = {**row._mapping, "topic": Topic(row.topic), "headers": headers}
    return DeadLetter(**values)
