"""
The inbox made anew from the messages that Kafka still has, and from the facts that others led to.

A message led to facts when these name it and have its time. Which of the others were decided, and led to nothing, must
be told from those that were not decided yet; see `_is_presumed`. Messages and decisions wait in temporary tables: there
may be more of them than fit the memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from controller.core.errors import Malformed
from controller.core.events import MessageRejected
from controller.journal import tables
from controller.journal.bound import padded
from controller.journal.inbox import headers_json
from controller.journal.restored_tables import (
    DECIDED,
    LED,
    MESSAGES,
    NO_PLACE,
    OF_CAUSES,
    QUIET,
    REFUSED,
    REMEMBER,
    UNDECIDED,
    WAITING,
    WHOLE,
)
from controller.journal.restoring import Copied
from controller.wire.inbound import Input, Received, read, rejected
from controller.wire.topics import Topic

Partition = tuple[Topic, int]


@dataclass(slots=True)
class _Decision:
    stream: str
    position: int
    cause: str
    at_ms: int
    before_ms: int
    decided_at: int
    rejected: bool
    facts: int = 0


@dataclass(frozen=True, slots=True)
class Led:
    """A message that led to facts. position: before them. decided_ms: when they were written down."""

    input: Input
    position: int
    decided_ms: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """
    What became of the inbox.

    messages: as they came. causes: names alone. presumed: of the messages, those that count as decided only because
    they are older than a fact of their service. undecided: messages in Kafka that are to be decided, or decided anew.
    first: of each partition the offset of the first message that is to be decided, or what follows its last message.
    """

    messages: int
    causes: int
    presumed: int
    undecided: int
    first: Mapping[Partition, int]


@dataclass(slots=True)
class RestoredInbox:
    """
    The inbox on its way. Facts are taken first, then every message, then it ends.

    last: of each service the last message that led to facts.
    """

    last: dict[str, Led] = field(default_factory=dict)
    _open: dict[str, _Decision] = field(default_factory=dict)
    _last_at_ms: dict[str, int] = field(default_factory=dict)
    _led: dict[tuple[str, Topic, int], int] = field(default_factory=dict)
    _ends: dict[Partition, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, connection: Connection) -> "RestoredInbox":
        """Make the temporary tables."""
        WAITING.create_all(connection, checkfirst=False)
        return cls()

    def take_facts(self, connection: Connection, copied: Sequence[Copied]) -> None:
        """Note which decisions there were: facts that follow one another, of one message."""
        done = []
        for one in copied:
            fact = one.fact
            before = self._open.get(fact.stream)
            if before is None or (before.cause, before.at_ms) != (fact.cause, fact.at_ms):
                done += [before] if before else []
                before = self._open[fact.stream] = _Decision(
                    stream=fact.stream,
                    position=fact.position - 1,
                    cause=fact.cause,
                    at_ms=fact.at_ms,
                    before_ms=self._last_at_ms.get(fact.stream, 0),
                    decided_at=one.recorded_ms,
                    rejected=isinstance(fact.event, MessageRejected),
                )
            before.facts += 1
            self._last_at_ms[fact.stream] = fact.at_ms
        _note(connection, done)

    def take_messages(self, connection: Connection, records: Sequence[Received]) -> None:
        """Note messages, and which facts followed from them. Before the first call, all facts must be taken."""
        self._close(connection)
        inputs = _named(connection, records)
        waiting = _decisions(connection, [one.id for one in inputs])
        rows, led = [], []
        for one in inputs:
            record, service = one.record, one.command.service
            place = record.topic, record.partition
            decision = next((each for each in waiting.get((service, one.id), ()) if _led_to(one, each)), None)
            if decision is not None:
                waiting[service, one.id].remove(decision)
                led.append({"of_stream": service, "at_position": decision.position})
                if service not in self.last or self.last[service].position < decision.position:
                    self.last[service] = Led(one, decision.position, decision.decided_at)
                key = service, *place
                self._led[key] = max(record.offset, self._led.get(key, 0))
            self._ends[place] = max(record.offset + 1, self._ends.get(place, 0))
            rows.append(_row(one, decision))
        connection.execute(insert(MESSAGES), rows)
        if led:
            connection.execute(LED, led)

    def make_whole(self, connection: Connection, service: str, facts: int) -> None:
        """Note how many facts really followed from a service's last message that led to any."""
        led = self.last[service]
        connection.execute(WHOLE, {"of_service": service, "at_position": led.position, "whole": facts})

    def end(self, connection: Connection, committed: Mapping[Partition, int]) -> Remembered:
        """
        Write the inbox.

        committed: of each partition the offset up to which its consumers had acknowledged; missing where nobody knows.
        """
        self._close(connection)
        first, presumed, undecided = dict(self._ends), 0, 0
        for page in _pages(connection):
            quiet = []
            for row in page:
                place = Topic(row.topic), row.partition
                certain = row.offset < self._led.get((row.service, *place), NO_PLACE)
                if certain or self._is_presumed(row, committed.get(place)):
                    quiet.append({"of_number": row.number})
                    presumed += not certain
                else:
                    undecided += 1
                    first[place] = min(first[place], row.offset)
            if quiet:
                connection.execute(QUIET, quiet)
        connection.execute(REMEMBER)
        messages = connection.scalar(select(func.count()).select_from(tables.inbox)) or 0
        causes = connection.scalar(select(func.count()).where(~DECIDED.c.led)) or 0
        WAITING.drop_all(connection, checkfirst=False)
        return Remembered(messages - causes, causes, presumed, undecided, first)

    def _close(self, connection: Connection) -> None:
        _note(connection, list(self._open.values()))
        self._open.clear()

    def _is_presumed(self, row: Row[*tuple[Any, ...]], committed: int | None) -> bool:
        """
        Say whether a message counts as decided that led to nothing, after its service's last of its partition that did.

        Those later than the service's last fact are decided anew: upon the facts upon which they were decided, so with
        the same result. Of those earlier than that, what was acknowledged was decided; where nobody knows what was, the
        time decides. (A service's messages of one partition before one that led to a fact were decided in any case.
        What another service's led to proves nothing: services take turns.)
        """
        if row.sent_ms > self._last_at_ms.get(row.service, -1):
            return False
        return committed is None or bool(row.offset < committed)


def _led_to(one: Input, decision: Row[*tuple[Any, ...]]) -> bool:
    # A fact is as late as its message, and never earlier than the fact before it: see `core.stream.react`.
    return bool(decision.at_ms == max(one.sent_ms, decision.before_ms))


def _named(connection: Connection, records: Sequence[Received]) -> list[Input]:
    """Return records as they were decided: as what they say, or as what could not be read or decided."""
    letters = {rejected(one, Malformed("")).id: one for one in records}
    asked = {"causes": padded(list(letters))}
    refused = {id(letters[cause]) for cause in connection.scalars(REFUSED, asked) if cause in letters}
    return [_input(one, refused=id(one) in refused) for one in records]


def _input(record: Received, *, refused: bool) -> Input:
    if refused:
        return rejected(record, Malformed("it was rejected when it came"))
    try:
        return read(record)
    except Malformed as error:
        return rejected(record, error)


def _decisions(connection: Connection, causes: Sequence[str]) -> dict[tuple[str, str], list[Row[*tuple[Any, ...]]]]:
    found: dict[tuple[str, str], list[Row[*tuple[Any, ...]]]] = {}
    for row in connection.execute(OF_CAUSES, {"causes": padded(causes)}):
        found.setdefault((row.stream, row.cause), []).append(row)
    return found


def _note(connection: Connection, decisions: Sequence[_Decision]) -> None:
    if decisions:
        connection.execute(
            insert(DECIDED), [{name: getattr(one, name) for name in _Decision.__slots__} for one in decisions]
        )


def _row(one: Input, decision: Row[*tuple[Any, ...]] | None) -> dict[str, object]:
    record = one.record
    return {
        "source": one.source,
        "id": one.id,
        "service": one.command.service,
        "topic": record.topic.value,
        "partition": record.partition,
        "offset": record.offset,
        "sent_ms": one.sent_ms,
        "ordered_ms": decision.at_ms if decision else one.sent_ms,
        "decided_at": decision.decided_at if decision else one.sent_ms,
        "position": decision.position if decision else None,
        "facts": decision.facts if decision else 0,
        "key": record.key,
        "value": record.value,
        "headers": headers_json(record.headers),
    }


def _pages(connection: Connection) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    after = 0
    while rows := connection.execute(UNDECIDED, {"after": after}).all():
        yield rows
        after = rows[-1].number
