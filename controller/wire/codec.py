"""
Facts, state and routing table as canonical JSON, and the hash that chains a stream's facts.

The text of a fact's body is kept as it was written: hashes are taken over it, so reading and writing it again must
never be part of checking it. Old schemas are upcast when read, in `_READERS`; what was written is never rewritten.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any, Final, get_args

import msgspec

from controller.core.errors import Malformed
from controller.core.events import AnyEvent
from controller.core.needs import Needs
from controller.core.routing import RoutingTable
from controller.core.state import State
from controller.core.stream import Fact
from controller.wire.envelope import time_text
from controller.wire.enveloped import FACT_LIMIT_BYTES, Place, opened
from controller.wire.quick import quick
from controller.wire.shape import shaped
from controller.wire.strict import parse_object, refused
from controller.wire.text import text_of

SCHEMA: Final = 1
"""The schema in which facts are written today, all types alike."""

GENESIS_HASH: Final = "0" * 64
"""What stands before a stream's first fact."""

FACT_SOURCE: Final = "segue/journal"


def event_type(event: AnyEvent) -> str:
    """Return the name under which this kind of fact is recorded, such as "RolloutStarted"."""
    return type(event).__name__


def event_body(event: AnyEvent) -> str:
    """Return all fields of a fact as canonical JSON text."""
    return text_of(event).decode()


def event_from(type: str, schema: int, body: str) -> AnyEvent:
    """Read a recorded fact, upcasting an older schema; raises Malformed."""
    return _event(type, schema, body.encode())


def fact_hash(prev_hash: str, fact: Fact) -> str:
    """Return the hash of a new fact that follows the one with `prev_hash` (GENESIS_HASH before the first)."""
    event = fact.event
    return content_hash(
        prev_hash, fact.stream, fact.position, fact.at_ms, fact.cause, event_type(event), SCHEMA, event_body(event)
    )


def content_hash(
    prev_hash: str, stream: str, position: int, at_ms: int, cause: str, type: str, schema: int, body: str
) -> str:
    """Return the SHA-256, in hex, that chains a fact as it was written: use this one to check recorded facts."""
    # The bytes that `canonical` gives for such a list, in a third of the time; a test holds the two together.
    chained = msgspec.json.encode((prev_hash, stream, position, at_ms, cause, type, schema, body))
    return sha256(chained).hexdigest()


class Said(msgspec.Struct, frozen=True):
    """Who, why and in which rollout: what every fact says."""

    actor: str
    reason: str
    rollout: str


def said(body: str) -> Said:
    """Return what the text of any fact says, nothing else of it being looked at; raises Malformed."""
    try:
        return _said(body)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise Malformed(f"the text of a fact cannot be read: {error}") from None


_said: Final = msgspec.json.Decoder(Said).decode


def message_type(kind: type[AnyEvent]) -> str:
    """Return the CloudEvents type of a kind of fact, such as "io.segue.fact.rollout-started"."""
    return _MESSAGE_TYPES[kind.__name__]


def fact_message(fact: Fact, hash: str, prev_hash: str) -> bytes:
    """Return a fact as the structured-mode CloudEvent of `rollout.journal`."""
    return told_message(fact, event_body(fact.event), hash, prev_hash)


def told_message(fact: Fact, body: str, hash: str, prev_hash: str) -> bytes:
    """Return the same of a fact whose body is written already, as `event_body` does."""
    kind = event_type(fact.event)
    # What `canonical` would give, names in their order; the body is canonical, and has the only numbers that are no
    # whole ones.
    return msgspec.json.encode(
        {
            "data": {
                "at_ms": fact.at_ms,
                "cause": fact.cause,
                "event": msgspec.Raw(body.encode()),
                "hash": hash,
                "position": fact.position,
                "prev_hash": prev_hash,
                "schema": SCHEMA,
                "service": fact.stream,
                "type": kind,
            },
            "datacontenttype": "application/json",
            "id": f"{fact.stream}/{fact.position}",
            "source": FACT_SOURCE,
            "specversion": "1.0",
            "subject": fact.stream,
            "time": time_text(fact.at_ms),
            "type": _MESSAGE_TYPES[kind],
        }
    )


def fact_from_message(message: bytes) -> tuple[Fact, str, str]:
    """
    Read a message of `rollout.journal`: (fact, prev_hash, hash).

    Raises Malformed, also when the hash is not that of the content.
    """
    fact, written = recorded_from_message(message)
    return fact, written.prev_hash, written.hash


def recorded_from_message(message: bytes) -> "tuple[Fact, Written]":
    """Read a message of `rollout.journal` as what it says and as it was written; raises Malformed as above."""
    written = checked_from_message(message)
    return written.fact, written


def kind_from_message(message: bytes) -> type[AnyEvent] | None:
    """
    Return which kind of fact a message of `rollout.journal` says it is, None for any text that Segue does not write.

    Nothing else of it is looked at, so this is for passing over what cannot matter.
    """
    return _KINDS.get(message[message.rfind(_TYPE) + len(_TYPE) :])


@dataclass(frozen=True, slots=True)
class Written:
    """A fact as it is written somewhere, its body a text: what a hash is taken of, and the hash that stands there."""

    stream: str
    position: int
    at_ms: int
    cause: str
    type: str
    schema: int
    body: str
    prev_hash: str
    hash: str

    @property
    def content_hash(self) -> str:
        """The hash that what is written has."""
        return content_hash(
            self.prev_hash, self.stream, self.position, self.at_ms, self.cause, self.type, self.schema, self.body
        )

    @property
    def fact(self) -> Fact:
        """The fact, upcast to today's schema; raises Malformed when this version of Segue cannot read it."""
        event = event_from(self.type, self.schema, self.body)
        return Fact(self.stream, self.position, self.at_ms, self.cause, event)


def checked_from_message(message: bytes) -> "Written":
    """Read a message of `rollout.journal` whose hash is that of its content, not asking yet what it says."""
    written = _written(*opened(message))
    if written.hash != (expected := written.content_hash):
        path = f"fact.data.hash of {written.stream}/{written.position}"
        raise refused(path, written.hash, f"{expected}, the hash of its content")
    return written


def written_from_message(message: bytes) -> Written:
    """Read a message of `rollout.journal` without asking what it says or whether that is so; raises Malformed."""
    place, body = opened(message)
    if _quick_event(place.type, place.schema, body.encode()) is None:
        parse_object(body.encode(), "fact.data.event", FACT_LIMIT_BYTES)
    return _written(place, body)


def _written(at: Place, body: str) -> Written:
    return Written(at.service, at.position, at.at_ms, at.cause, at.type, at.schema, body, at.prev_hash, at.hash)


def table_json(table: RoutingTable) -> bytes:
    """Return a routing table as canonical JSON: the value of `routing.table`."""
    return text_of(table)


def table_from(message: bytes) -> RoutingTable:
    """Read a routing table; raises Malformed, also when its weights do not sum to all traffic."""
    return shaped(RoutingTable, parse_object(message, "table", FACT_LIMIT_BYTES), "table")


def state_json(state: State) -> bytes:
    """Return a service's state as canonical JSON: its snapshot, and what replays are compared by."""
    return text_of(state)


def state_from(text: bytes) -> State:
    """Read a service's state; raises Malformed."""
    state = _quick_state()(text)
    return shaped(State, parse_object(text, "state", FACT_LIMIT_BYTES), "state") if state is None else state


def needs_from(text: bytes) -> Needs | State:
    """
    Read of a service's state what it needs, in a tenth of the time; raises Malformed.

    What is left out is not looked at, so this is for text that Segue keeps for itself.
    """
    try:
        return _needs(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return state_from(text)


_needs: Final = msgspec.json.Decoder(Needs).decode

EVENTS: Final[Mapping[str, type[AnyEvent]]] = {kind.__name__: kind for kind in get_args(AnyEvent)}
"""Every kind of fact by its recorded name."""

Reader = Callable[[Mapping[str, Any], str], AnyEvent]


def _reader(kind: type[AnyEvent]) -> Reader:
    return lambda body, path: shaped(kind, body, path)


_READERS: Mapping[tuple[str, int], Reader] = {(name, SCHEMA): _reader(kind) for name, kind in EVENTS.items()}


def _event(type: str, schema: int, body: bytes) -> AnyEvent:
    event = _quick_event(type, schema, body)
    if event is not None:
        return event
    reader = _READERS.get((type, schema))
    if reader is None:
        raise refused("fact type and schema", f"{type}, {schema}", "one that this version of Segue knows; upgrade it")
    return reader(parse_object(body, type, FACT_LIMIT_BYTES), type)


def _quick_event(type: str, schema: int, body: bytes) -> AnyEvent | None:
    """Return the event when its text is as it is written today, None when it is one for `_READERS`."""
    return _quick_reader(type)(body) if schema == SCHEMA and type in EVENTS else None


@cache
def _quick_state() -> Callable[[bytes], State | None]:
    return quick(State)


@cache
def _quick_reader(type: str) -> Callable[[bytes], AnyEvent | None]:
    # Made when the first fact of its kind is read: all of them would take 40 ms at every start.
    return quick(EVENTS[type])


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("-")


_MESSAGE_TYPES: Mapping[str, str] = {name: f"io.segue.fact.{_kebab(name)}" for name in EVENTS}

_TYPE: Final = b'"type":'
_KINDS: Final = {f'"{_MESSAGE_TYPES[name]}"}}'.encode(): kind for name, kind in EVENTS.items()}
"""By how their messages end."""
