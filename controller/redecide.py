"""
The recorded messages decided again by today's code, and what it decides compared with what was decided then.

A new version must not change the past: what a message led to has to follow from it again, field by field. Each message
is decided upon the facts as they were recorded, so one difference does not bring forth others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from controller.core.errors import Broken, Malformed
from controller.core.stream import Fact, History, begin, fold, react
from controller.journal import Store, views
from controller.journal.facts import history as recorded_history
from controller.journal.inputs import Taken, taken
from controller.journal.partitions import check_whole
from controller.spread import Told, unheard
from controller.wire.codec import event_type
from controller.wire.difference import Difference, first_difference
from controller.wire.inbound import Input, Received, read, rejected, undecidable
from controller.wire.shape import plain

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Otherwise:
    """
    A message that today's code decides otherwise.

    message: its source and id. fact: the id of the first fact that differs; one that only one side has is "nothing"
    on the other. difference: in that fact, recorded first.
    """

    message: str
    fact: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Redecided:
    """How much of a service's history was decided again, and what came out otherwise."""

    service: str
    messages: int
    facts: int
    otherwise: tuple[Otherwise, ...]


async def redecide(store: Store, service: str, told: Told = unheard) -> Redecided:
    """
    Decide every recorded message of a service again, a page of them in memory at a time.

    told: is told how many were.
    In a store that was restored, some messages are known by their names alone, and of some that led to nothing it is
    not known when: these are passed over, the facts of the former taken as they are.
    Raises Broken when nothing is recorded of the service, its journal has facts that no recorded message led to, or
    facts lie in months that were detached.
    """
    stands = await views.service(store, service)
    if stands is None:
        raise Broken(f"nothing was ever recorded for a service {service}; `segue replay` lists all")
    await store.read(lambda connection: check_whole(connection, service))
    facts = _Facts(store, service)
    history = begin(service)
    messages = 0
    otherwise: list[Otherwise] = []
    async for message in taken(store, service):
        if message.position < 0:
            continue
        _in_place(service, message.position, history.position)
        were = await facts.next(message.facts)
        if message.record is not None:
            if found := _compared(history, message, message.record, were):
                otherwise.append(found)
            messages += 1
            told(messages)
        history = fold(history, were)
    # Later messages may have been decided meanwhile; those until the beginning must all have been met.
    _in_place(service, max(stands.position, history.position), history.position)
    return Redecided(service, messages, history.position, tuple(otherwise))


def _in_place(service: str, position: int, reached: int) -> None:
    if position != reached:
        raise Broken(
            f"facts {reached + 1} to {position} of {service} follow from no message in the inbox, so they cannot be "
            "decided again; the journal itself is checked by `segue replay`"
        )


class _Facts:
    """A service's recorded facts, taken as they are needed: those that come in meanwhile are read in their turn."""

    def __init__(self, store: Store, service: str) -> None:
        self._store = store
        self._service = service
        self._position = 0
        self._read: list[Fact] = []

    async def next(self, number: int) -> list[Fact]:
        """Return the next facts. Raises Broken when the journal ends before them."""
        while len(self._read) < number:
            last = self._position + len(self._read)
            page = await recorded_history(self._store, self._service, last, _PAGE)
            if not page:
                raise Broken(
                    f"the journal of {self._service} ends at {last}, and a message in the inbox led to facts up to "
                    f"{self._position + number}: see `segue verify`"
                )
            self._read += [one.fact for one in page]
        taken, self._read = self._read[:number], self._read[number:]
        self._position += number
        return taken


def _compared(history: History, message: Taken, record: Received, were: Sequence[Fact]) -> Otherwise | None:
    input, are = _again(history, record)
    named = f"{message.source} {message.id}"
    if (input.source, input.id) != (message.source, message.id):
        return Otherwise(named, "", Difference("message", named, f"{input.source} {input.id}"))
    for position, sides in enumerate(zip_longest(were, are), history.position + 1):
        was, now = map(_plain, sides)
        found = first_difference(was["type"], now["type"], "type") or first_difference(was, now)
        if found:
            return Otherwise(named, f"{history.state.service}/{position}", found)
    return None


def _again(history: History, record: Received) -> tuple[Input, tuple[Fact, ...]]:
    """Do what is done with a record when it comes: see `handle`."""
    try:
        input = read(record)
    except Malformed as error:
        input = rejected(record, error)
    try:
        return input, react(history, input.command, input.id, input.sent_ms)
    except Exception as error:
        input = undecidable(record, error)
        return input, react(history, input.command, input.id, input.sent_ms)


def _plain(fact: Fact | None) -> dict[str, Any]:
    if fact is None:
        return {"type": "nothing"}
    return {"type": event_type(fact.event), "at_ms": fact.at_ms, "cause": fact.cause, "event": plain(fact.event)}
