"""Facts to rows of the journal, each chained by hash to the one before it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert

from controller.core.state import State
from controller.core.stream import Fact, fold
from controller.journal.bulk import Bulk
from controller.journal.heads import Head
from controller.journal.tables import journal
from controller.wire.codec import SCHEMA, content_hash, event_body, event_type


@dataclass(frozen=True, slots=True)
class Link:
    """A new fact with what chains it. state: the service's, after this fact."""

    fact: Fact
    state: State
    type: str
    body: str
    prev_hash: str
    hash: str


def chain(head: Head, facts: Iterable[Fact]) -> tuple[tuple[Link, ...], Head]:
    """Return the links that these facts add to a stream, and its new head."""
    links = []
    history, hash = head.history, head.hash
    for fact in facts:
        history = fold(history, (fact,))
        type, body = event_type(fact.event), event_body(fact.event)
        prev_hash = hash
        hash = content_hash(prev_hash, fact.stream, fact.position, fact.at_ms, fact.cause, type, SCHEMA, body)
        links.append(Link(fact, history.state, type, body, prev_hash, hash))
    return tuple(links), Head(history, hash)


def append(connection: Connection, links: Sequence[Link], recorded_ms: int) -> None:
    """Write facts down for ever; a taken position fails as Conflict when the transaction ends or before."""
    if links:
        _APPEND.run(connection, [_row(link, recorded_ms) for link in links])


_APPEND: Final = Bulk(insert(journal))


def _row(link: Link, recorded_ms: int) -> dict[str, object]:
    fact = link.fact
    return {
        "stream": fact.stream,
        "position": fact.position,
        "id": f"{fact.stream}/{fact.position}",
        "type": link.type,
        "schema": SCHEMA,
        "at_ms": fact.at_ms,
        "occurred_at": fact.at_ms,
        "recorded_at": recorded_ms,
        "actor": fact.event.actor,
        "reason": fact.event.reason,
        "cause": fact.cause,
        "rollout": fact.event.rollout,
        "body": link.body,
        "prev_hash": link.prev_hash,
        "hash": link.hash,
    }
