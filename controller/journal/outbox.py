"""
What is decided and not yet published.

Rows are read by `id` among those that are there, never "after the last id seen": another transaction may have taken a
smaller id and commit later. Within a service ids grow with its decisions, because they are taken under its lock.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from controller.core.commands import RejectMessage
from controller.core.events import RouteSet
from controller.core.state import State, table
from controller.journal.append import Link
from controller.journal.bulk import Bulk
from controller.journal.tables import outbox, services
from controller.wire.codec import state_from, table_json, told_message
from controller.wire.envelope import HEADERS, encode
from controller.wire.inbound import REJECTED_SOURCE, Input
from controller.wire.topics import Topic

SHARD: Final = 0
"""The only shard so far. More of them would split services by name, never one service."""

LETTER_TYPE: Final = "io.segue.message.rejected"
_LETTER_BYTES: Final = 3 * 1024 * 1024
"""A longer letter leaves out what it is about: its topic takes 4 MiB. The inbox has the message whatever its size."""

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message on its way out."""

    id: int
    topic: Topic
    key: bytes
    body: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message about a service, to be published after the commit."""

    topic: Topic
    service: str
    body: bytes
    headers: Headers = HEADERS


def published(links: Sequence[Link]) -> list[Outgoing]:
    """Return what the world is told of new facts: first where traffic goes now, then the facts themselves."""
    routes = {link.fact.stream: _route(link.state) for link in links if isinstance(link.fact.event, RouteSet)}
    facts = [
        Outgoing(Topic.JOURNAL, link.fact.stream, told_message(link.fact, link.body, link.hash, link.prev_hash))
        for link in links
    ]
    return [*routes.values(), *facts]


def letter(input: Input) -> Outgoing:
    """Return a rejected message as a dead letter: the reason, where it came from, and its own bytes in base64."""
    command, record = input.command, input.record
    assert isinstance(command, RejectMessage)
    value = record.value or b""
    data: dict[str, object] = {
        "letter": command.letter,
        "reason": command.reason,
        "topic": record.topic.value,
        "partition": record.partition,
        "offset": record.offset,
        "key_base64": _base64(record.key),
        "value_base64": _base64(record.value),
        "value_bytes": len(value),
        "headers": [[name, b64encode(value).decode()] for name, value in record.headers],
    }
    body = encode(LETTER_TYPE, REJECTED_SOURCE, input.id, command.service, data, input.sent_ms)
    if len(body) > _LETTER_BYTES:
        data |= {"key_base64": None, "value_base64": None, "headers": []}
        body = encode(LETTER_TYPE, REJECTED_SOURCE, input.id, command.service, data, input.sent_ms)
    return Outgoing(Topic.DEAD, command.service, body)


def put(connection: Connection, messages: Sequence[Outgoing]) -> bool:
    """Leave messages for the relay, in this order; say whether there were any."""
    if messages:
        _PUT.run(connection, [_row(message) for message in messages])
    return bool(messages)


def next_batch(connection: Connection, shard: int, limit: int) -> list[OutboxRow]:
    """Return the oldest messages of a shard, at most `limit`."""
    rows = connection.execute(_NEXT, {"shard": shard, "limit": limit})
    return [OutboxRow(row.id, Topic(row.topic), row.key, row.body, _headers(row.headers)) for row in rows]


def standing(connection: Connection) -> list[OutboxRow]:
    """Return the routing table of every service that has one, as it stands; none of them is in the outbox."""
    return [OutboxRow(0, one.topic, one.service.encode(), one.body, one.headers) for one in routing(connection)]


def routing(connection: Connection) -> list[Outgoing]:
    """Return the routing table of every service that has one, as it stands."""
    return [_route(state_from(row.state.encode())) for row in connection.execute(_ROUTED)]


def put_routing(connection: Connection) -> int:
    """Leave every service's routing table, as it stands, for the relay; return how many there are."""
    # In the turn of every service, or a newer table that is being decided could come before the one read here.
    connection.execute(_TURNS)
    tables = routing(connection)
    put(connection, tables)
    return len(tables)


def remove(connection: Connection, ids: Iterable[int]) -> None:
    """Forget messages that Kafka has."""
    if rows := [{"gone": id} for id in ids]:
        connection.execute(_REMOVE, rows)


_PUT: Final = Bulk(insert(outbox).inline())
_NEXT: Final = (
    select(outbox.c.id, outbox.c.topic, outbox.c.key, outbox.c.body, outbox.c.headers)
    .where(outbox.c.shard == bindparam("shard"))
    .order_by(outbox.c.id)
    .limit(bindparam("limit"))
)
_ROUTED: Final = select(services.c.state).where(services.c.epoch > 0).order_by(services.c.service)
_TURNS: Final = select(services.c.service).order_by(services.c.service).with_for_update()
_REMOVE: Final = delete(outbox).where(outbox.c.id == bindparam("gone"))


def _route(state: State) -> Outgoing:
    headers = (("content-type", b"application/json"), ("epoch", str(state.epoch).encode()))
    return Outgoing(Topic.TABLE, state.service, table_json(table(state)), headers)


def _row(message: Outgoing) -> dict[str, object]:
    return {
        "shard": SHARD,
        "topic": message.topic.value,
        "key": message.service.encode(),
        "body": message.body,
        "headers": _headers_json(message.headers),
    }


@lru_cache(maxsize=64)
def _headers_json(headers: Headers) -> str:
    return json.dumps([[name, value.decode()] for name, value in headers])


def _headers(text: str) -> Headers:
    return tuple((name, value.encode()) for name, value in json.loads(text))


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
