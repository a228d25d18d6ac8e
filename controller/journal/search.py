"""
One question to the whole history: which facts, after which one; answered in the order of time, stream, position.

What costs little: a service, a rollout, a time, a person, a kind, and each of them with a time, for these have indexes.
A release is looked for among what the others leave.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, bindparam, exists, func, literal, or_, select

from controller.core.errors import Malformed
from controller.core.events import RolloutAborted, RolloutPromoted, RolloutStarted, RolloutSuperseded, WindowMeasured
from controller.journal.facts import Recorded
from controller.journal.store import Store
from controller.journal.tables import journal, no_window, releases
from controller.wire.codec import EVENTS
from controller.wire.strict import canonical, check_text

_PAGE: Final = 500
_WINDOW: Final = WindowMeasured.__name__


@dataclass(frozen=True, slots=True)
class Search:
    """
    Which facts are asked for; what is left out asks for all.

    types: names of facts, such as RolloutAborted; any of them. release: a version; facts whose body names it, its
    ensemble or its digest. since_ms, until_ms: milliseconds since 1970 UTC, both inclusive. measurements: windows as
    well, of which there are thousands a day; asking for their type asks for them, too.
    Raises Malformed for a type that there is not, and for text that no database can hold.
    """

    service: str | None = None
    rollout: str | None = None
    actor: str | None = None
    types: tuple[str, ...] = ()
    release: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    measurements: bool = False

    @property
    def asks_windows(self) -> bool:
        """Whether windows of measurements are among what is asked for."""
        return _WINDOW in self.types or (not self.types and self.measurements)

    def __post_init__(self) -> None:
        for name in ("service", "rollout", "actor", "release"):
            check_text(getattr(self, name) or "", name)
        for type in self.types:
            if type not in EVENTS:
                raise Malformed(f"type is {type[:80]!r}; allowed: {', '.join(sorted(EVENTS))}")


@dataclass(frozen=True, slots=True)
class Place:
    """A fact's place in the order. Facts never move and never go, so what comes after it is always the same or more."""

    at_ms: int
    stream: str
    position: int


START: Final = Place(0, "", 0)
"""Before the first fact."""


async def page(store: Store, search: Search, after: Place = START, limit: int = _PAGE) -> list[Recorded]:
    """Return the facts asked for that come after a place, at most `limit`; of one service its position alone counts."""

    def work(connection: Connection) -> list[Recorded]:
        return [Recorded(*row) for row in connection.execute(asking(connection, search, after, limit))]

    return await store.read(work)


async def found(
    store: Store, search: Search, after: Place = START, limit: int | None = None
) -> AsyncIterator[Recorded]:
    """Yield the facts asked for that come after a place, at most `limit` if given, a page in memory at a time."""
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        facts = await page(store, search, after, size)
        for one in facts:
            yield one
        if len(facts) < size:
            return
        after = place_of(facts[-1])
        left = None if left is None else left - size


def asking(connection: Connection, search: Search, after: Place, limit: int) -> Select[Any]:
    """Return the statement of a page; where a stream reaches a time is looked up for it on the connection."""
    order: tuple[Column[Any], ...]
    course = _course(connection, search.rollout) if search.rollout is not None and search.asks_windows else None
    if search.service is None and course is None:
        order = (_J.occurred_at, _J.stream, _J.position)
        further = or_(_J.stream > after.stream, and_(_J.stream == after.stream, _J.position > after.position))
        # Said twice: the first half is what an index is entered by.
        beyond = and_(_J.occurred_at >= after.at_ms, or_(_J.occurred_at > after.at_ms, further))
    else:
        # Time never runs backwards within a stream, so its positions are in the order of time.
        order = (_J.position,)
        beyond = _J.position > after.position
    asked = _FACTS.where(*_asked(connection, search), beyond)
    if course is not None:
        # The rollout's own index does not have them in order, and of a watched one there are thousands.
        asked = asked.where(_J.stream == course.stream, _J.position.between(course.first, course.last))
    return asked.order_by(*order).limit(limit)


async def fact_at(store: Store, stream: str, position: int) -> Recorded | None:
    """Return one fact, or None when there is none in that place."""
    check_text(stream, "service")
    rows = await store.rows(_ONE, {"stream": stream, "position": position})
    return Recorded(*rows[0]) if rows else None


def place_of(fact: Recorded) -> Place:
    """Return where a fact stands."""
    return Place(fact.occurred_at, fact.stream, fact.position)


_J: Final = journal.c
_FACTS: Final = select(*(_J[name] for name in Recorded.__slots__))
_ONE: Final = _FACTS.where(_J.stream == bindparam("stream"), _J.position == bindparam("position"))
_HEAD: Final = select(func.coalesce(func.max(_J.position), 0)).where(_J.stream == bindparam("stream"))
_TOLD_OF: Final = (
    select(_J.stream, _J.position, _J.type).where(_J.rollout == bindparam("rollout"), no_window).order_by(_J.position)
)
_ENDS: Final = {one.__name__ for one in (RolloutPromoted, RolloutAborted, RolloutSuperseded)}
_NO_END: Final = 2**62
_TIME: Final = (
    select(_J.at_ms)
    .where(_J.stream == bindparam("stream"), _J.position >= bindparam("position"))
    .order_by(_J.position)
    .limit(1)
)

_Condition = ColumnElement[bool]


def _asked(connection: Connection, search: Search) -> Iterator[_Condition]:
    yield from _where(connection, search)
    if search.actor is not None:
        yield _J.actor == search.actor
    if search.types:
        yield _J.type.in_(search.types)
    if not search.asks_windows:
        yield no_window
    if search.release is not None:
        yield _about(search.release)


def _where(connection: Connection, search: Search) -> Iterator[_Condition]:
    """Yield what narrows the search by an index: one rollout's facts, one stream's from here to there, or a time's."""
    service, since_ms, until_ms = search.service, search.since_ms, search.until_ms
    if search.rollout is None and service is not None:
        yield _J.stream == service
        if since_ms is not None:
            yield _J.position >= _first_since(connection, service, since_ms)
        if until_ms is not None:
            yield _J.position < _first_since(connection, service, until_ms + 1)
        return
    if search.rollout is not None:
        yield _J.rollout == search.rollout
    if service is not None:
        # Joined with nothing, for else SQLite would walk the whole stream instead of the rollout's own index.
        yield _J.stream.concat("") == service
    if since_ms is not None:
        yield _J.occurred_at >= max(since_ms, 0)
    if until_ms is not None:
        yield _J.occurred_at <= max(until_ms, -1)


@dataclass(frozen=True, slots=True)
class _Course:
    """Where a rollout's facts lie: in one stream, none before `first` and none after `last`."""

    stream: str
    first: int
    last: int


def _course(connection: Connection, rollout: str) -> _Course | None:
    """Return where a rollout's facts lie, by those of them that are no windows; None where there are none."""
    told = connection.execute(_TOLD_OF, {"rollout": rollout}).all()
    if len({one.stream for one in told}) != 1:
        return None
    # Its beginning may lie in a month that was detached; and until its end every window may be its own.
    first = told[0].position if told[0].type == RolloutStarted.__name__ else 1
    over = any(one.type in _ENDS for one in told)
    return _Course(told[0].stream, first, told[-1].position if over else _NO_END)


def _first_since(connection: Connection, stream: str, at_ms: int) -> int:
    """Return the position of a stream's first fact from a time on, after some twenty looks at a million facts."""

    def time(position: int) -> int:
        return int(connection.execute(_TIME, {"stream": stream, "position": position}).scalar_one())

    positions = range(1, int(connection.execute(_HEAD, {"stream": stream}).scalar_one()) + 1)
    return bisect_left(positions, at_ms, key=time) + 1


def _about(version: str) -> _Condition:
    """
    Say whether a body names the release: by its version, or by ensemble or digest of what its service has under that.

    Bodies are canonical JSON, which has no spaces, so its members are there word for word. Within a text such a member
    cannot be, for its quotes would be escaped. A router's list of all releases that it may still speak with is no such
    member, for it is about none of them.
    """
    of_service = exists().where(
        _L.service == _J.stream,
        _L.version == version,
        or_(
            *(
                _has(literal(f'"{member}":"') + name + '"')
                for name, members in ((_L.ensemble, ("ensemble", "release")), (_L.digest, ("digest", "release")))
                for member in members
            )
        ),
    )
    said = (f"{canonical(member)}:{canonical(version)}" for member in ("version", "release"))
    return or_(*(_has(literal(one)) for one in said), of_service)


def _has(text: ColumnElement[str]) -> _Condition:
    # Not LIKE: for SQLite's an A is an a, and for both a _ is anything.
    return func.replace(_J.body, text, "") != _J.body


_L: Final = releases.c
