"""The facts of the journal, as they are written and as they are read today; a page in memory at a time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, select, tuple_

from controller.core.stream import Fact
from controller.journal.store import Store
from controller.journal.tables import journal, no_window, services
from controller.wire.codec import Written, event_from

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact as it is written in the journal, word for word; times in milliseconds since 1970 UTC."""

    stream: str
    position: int
    id: str
    type: str
    schema: int
    at_ms: int
    occurred_at: int
    recorded_at: int
    actor: str
    reason: str
    cause: str
    rollout: str
    body: str
    prev_hash: str
    hash: str

    @property
    def written(self) -> Written:
        """What its hash is taken of, and the hash that stands there."""
        return Written(
            self.stream,
            self.position,
            self.at_ms,
            self.cause,
            self.type,
            self.schema,
            self.body,
            self.prev_hash,
            self.hash,
        )

    @property
    def fact(self) -> Fact:
        """The fact, upcast to today's schema; raises Malformed when this version of Segue cannot read it."""
        event = event_from(self.type, self.schema, self.body)
        return Fact(self.stream, self.position, self.at_ms, self.cause, event)


async def history(store: Store, name: str, after: int = 0, limit: int = 100) -> list[Recorded]:
    """Return a service's facts after a position, oldest first, at most `limit`."""
    rows = await store.rows(_HISTORY, {"stream": name, "after": after, "limit": limit})
    return [Recorded(*row) for row in rows]


async def told(store: Store, name: str, after: int = 0, limit: int = 100) -> list[Recorded]:
    """Return the same without windows of measurements: they come every few seconds, and what they led to is a fact."""
    rows = await store.rows(_TOLD, {"stream": name, "after": after, "limit": limit})
    return [Recorded(*row) for row in rows]


async def latest(store: Store, name: str, limit: int) -> list[Recorded]:
    """Return a service's last facts, windows of measurements aside, oldest first."""
    rows = await store.rows(_LATEST, {"stream": name, "limit": limit})
    return [Recorded(*row) for row in reversed(rows)]


async def of_rollout(store: Store, name: str, rollout: str) -> AsyncIterator[Fact]:
    """Yield the facts of one rollout of a service, oldest first, a page in memory at a time."""
    after = 0
    while True:
        rows = await store.rows(_OF_ROLLOUT, {"stream": name, "rollout": rollout, "after": after, "limit": _PAGE})
        for row in rows:
            yield Recorded(*row).fact
        if len(rows) < _PAGE:
            return
        after = rows[-1].position


async def streams(store: Store) -> list[str]:
    """Return the name of every stream that has a fact, in their order."""
    found: list[str] = []
    # One after the other down the index: SELECT DISTINCT would read every fact's entry.
    while (name := (await store.rows(_NEXT, {"stream": found[-1] if found else ""}))[0][0]) is not None:
        found.append(name)
    return found


async def size(store: Store) -> int:
    """Return how many facts the services say that they have, without counting them."""
    return int((await store.rows(_SIZE, {}))[0][0] or 0)


async def recorded(store: Store, stream: str | None = None, after: int = 0) -> AsyncIterator[Recorded]:
    """Yield facts one by one in the order of `pages`, a page in memory at a time."""
    async for page in pages(store, stream, after):
        for one in page:
            yield one


async def pages(store: Store, stream: str | None = None, after: int = 0) -> AsyncIterator[list[Recorded]]:
    """
    Yield facts as they are written, a page in memory at a time: one stream's after a position, or all streams'.

    All streams come one after the other, each in the order of its positions; `after` is for one stream only.
    """
    assert stream is not None or after == 0, "`after` is a position, and a position is one stream's"
    last_stream, last_position = ("", 0) if stream is None else (stream, after)
    every = _ALL if stream is None else _HISTORY
    while True:
        rows = await store.rows(every, {"stream": last_stream, "after": last_position, "limit": _PAGE})
        yield [Recorded(*row) for row in rows]
        if len(rows) < _PAGE:
            return
        last_stream, last_position = rows[-1].stream, rows[-1].position


async def facts(store: Store, stream: str | None = None, after: int = 0) -> AsyncIterator[Fact]:
    """Yield facts, upcast to today's schema, in the order of `recorded`."""
    async for one in recorded(store, stream, after):
        yield one.fact


_J: Final = journal.c
_AFTER: Final = bindparam("after", type_=_J.position.type)
_STREAM: Final = bindparam("stream", type_=_J.stream.type)
# Columns in the order of the fields that take them.
_FACTS: Final = select(*(_J[name] for name in Recorded.__slots__)).limit(bindparam("limit"))
_HISTORY: Final = _FACTS.where(_J.stream == _STREAM, _J.position > _AFTER).order_by(_J.position)
_NEXT: Final = select(func.min(_J.stream)).where(_J.stream > _STREAM)
_SIZE: Final = select(func.sum(services.c.position))
_TOLD: Final = _HISTORY.where(no_window)
_OF_ROLLOUT: Final = _HISTORY.where(_J.rollout == bindparam("rollout", type_=_J.rollout.type))
_LATEST: Final = _FACTS.where(_J.stream == _STREAM, no_window).order_by(_J.position.desc())
_ALL: Final = _FACTS.where(tuple_(_J.stream, _J.position) > tuple_(_STREAM, _AFTER)).order_by(_J.stream, _J.position)
