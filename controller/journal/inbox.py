"""
Every message that was decided, exactly as it came: what was seen before is quiet, and what was seen can be replayed.

A message is looked up before it is decided and written down in the same transaction as its facts. UNIQUE(source, id)
catches two deciders who looked at the same moment.
"""

import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, and_, bindparam, insert, literal_column, or_, select, union_all

from controller.journal.bulk import Bulk, Listed, Values
from controller.journal.tables import inbox
from controller.wire.inbound import RESTORED_SOURCE, Input

Key = tuple[str, str]
Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """A message that was decided. position: of its stream before it; facts: how many followed from it."""

    input: Input
    position: int
    facts: int


def key(input: Input) -> Key:
    """Return what names a message for ever: its source and its id there."""
    return input.source, input.id


def seen(connection: Connection, inputs: Collection[Input]) -> set[Key]:
    """
    Return what names those of the messages that were decided before; whoever asks holds the services' turns.

    A store that was restored is asked for their restored names as well. The same statement says whether it is one, for
    a store can be emptied and restored under a connection; that it was one is remembered, for then two names are asked
    for at once.
    """
    if not inputs:
        return set()
    restored = _RESTORED in connection.info
    wanted: defaultdict[Key, set[Key]] = defaultdict(set)
    for one in inputs:
        wanted[key(one)].add(key(one))
        if restored:
            wanted[RESTORED_SOURCE, f"{one.command.service}/{one.id}"].add(key(one))
    found = _found(connection, list(wanted))
    if not restored and _SOME_RESTORED in found:
        connection.info[_RESTORED] = True
        return seen(connection, inputs)
    return {name for each in found - {_SOME_RESTORED} for name in wanted[each]}


def _found(connection: Connection, names: Sequence[Key]) -> set[Key]:
    return {
        (source, id)
        for first in range(0, len(names), _AT_ONCE)
        for source, id in _SEEN.run(connection, names[first : first + _AT_ONCE])
    }


def keep(connection: Connection, decided: Sequence[Decided], decided_ms: int) -> None:
    """Write down messages in the order in which they were decided."""
    if decided:
        # Those of nearly all messages of a batch are the same few.
        headers = {one: headers_json(one) for one in {message.input.record.headers for message in decided}}
        _KEEP.run(connection, [_row(message, decided_ms, headers) for message in decided])


def headers_json(headers: Collection[tuple[str, bytes]]) -> str:
    """Return Kafka headers as JSON: a list of [name, value in base64]."""
    return json.dumps([[name, b64encode(value).decode()] for name, value in headers])


_RESTORED: Final = "segue_restored"
_SOME_RESTORED: Final = (RESTORED_SOURCE, "")
"""Stands for any restored name; none is like it, for a service has a name."""


_AT_ONCE: Final = 512
"""Names in one statement: SQLite takes no condition of more than a thousand parts."""


def _any_of(number: int) -> CompoundSelect[Any]:
    # Not (source, id) IN (...): SQLite reads the index from end to end for it, as soon as there are two.
    columns = inbox.c.source, inbox.c.id
    names = [
        and_(*(column == bindparam(f"{column.name}_{place}", type_=column.type) for column in columns))
        for place in range(number)
    ]
    return union_all(
        select(*columns).where(or_(*names)),
        # Written into the text: the list is all that travels.
        select(*(literal_column(f"'{text}'") for text in _SOME_RESTORED)).where(
            select(inbox.c.number).where(inbox.c.source == literal_column(f"'{RESTORED_SOURCE}'")).exists()
        ),
    )


_SEEN: Final = Listed(_any_of)
# Inline: the store numbers the rows, and nobody here needs to be told the numbers.
_KEEP: Final = Bulk(insert(inbox).inline())


def _row(message: Decided, decided_ms: int, headers: Mapping[Headers, str]) -> Values:
    input, record = message.input, message.input.record
    return {
        "source": input.source,
        "id": input.id,
        "service": input.command.service,
        "topic": record.topic.value,
        "partition": record.partition,
        "offset": record.offset,
        "sent_ms": input.sent_ms,
        "decided_at": decided_ms,
        "position": message.position,
        "facts": message.facts,
        "key": record.key,
        "value": record.value,
        "headers": headers[record.headers],
    }
