"""
Which message each fact came from: who sent it under which id, and where it stood in Kafka.

A fact names its message by the id alone, and the inbox is ordered by source and id. There are few sources, so each is
found by a look at the index, and then every id under each of them: no walk over all messages that there ever were.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, select

from controller.journal.bound import padded
from controller.journal.store import Store
from controller.journal.tables import inbox
from controller.wire.topics import Topic

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Origin:
    """A message that was decided. (source, id) names it for ever; topic, partition and offset are where it stood."""

    source: str
    id: str
    topic: Topic
    partition: int
    offset: int


async def origins(store: Store, service: str, causes: Iterable[tuple[int, str]]) -> dict[int, Origin]:
    """
    Return the messages that facts of a service came from, by the facts' positions.

    causes: (position, cause) of each fact. What is left out came from a message that the inbox has not.
    """
    by_cause: dict[str, list[int]] = {}
    for position, cause in causes:
        by_cause.setdefault(cause, []).append(position)
    ids, found = list(by_cause), dict[int, Origin]()
    # Asked first, and not within the other question: PostgreSQL would take them for a hundred, and walk.
    sources = [row.source for row in await store.rows(_EVERY_SOURCE, {})]
    for start in range(0, len(ids) if sources else 0, _AT_ONCE):
        some = padded(ids[start : start + _AT_ONCE])
        rows = await store.rows(_MESSAGES, {"service": service, "sources": padded(sources), "ids": some})
        for row in rows:
            # Two senders may use one id; whose it is, the position says.
            here = (one for one in by_cause[row.id] if row.position < one <= row.position + row.facts)
            origin = Origin(row.source, row.id, Topic(row.topic), row.partition, row.offset)
            found |= dict.fromkeys(here, origin)
    return found


_I: Final = inbox.c
_FIRST: Final = select(func.min(_I.source).label("source")).cte("sources", recursive=True)
_NEXT: Final = select(func.min(_I.source)).where(_I.source > _FIRST.c.source).scalar_subquery()
_SOURCES: Final = _FIRST.union_all(select(_NEXT).where(_FIRST.c.source.is_not(None)))
_EVERY_SOURCE: Final = select(_SOURCES.c.source).where(_SOURCES.c.source.is_not(None))
_MESSAGES: Final = select(_I.source, _I.id, _I.topic, _I.partition, _I.offset, _I.position, _I.facts).where(
    _I.source.in_(bindparam("sources", expanding=True)),
    _I.id.in_(bindparam("ids", expanding=True)),
    _I.service == bindparam("service"),
)
