"""What stands around a fact in a message of `rollout.journal`, and the text of the fact itself, as it stands there."""

from dataclasses import dataclass
from typing import Final

import msgspec

from controller.wire.quick import usual
from controller.wire.shape import shaped
from controller.wire.strict import parse_object, refused

FACT_LIMIT_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """The fields around the event in a message of `rollout.journal`."""

    service: str
    position: int
    at_ms: int
    cause: str
    type: str
    schema: int
    prev_hash: str
    hash: str


def opened(message: bytes) -> tuple[Place, str]:
    """
    Return what stands around the fact, and the fact's JSON text, which is an object; raises Malformed.

    Hashes are taken of that text, as they are of the text in SQL. When it holds anything unusual it was read strictly;
    else nobody has looked into it yet.
    """
    return _opened_quickly(message) or _opened_carefully(message)


def _opened_quickly(message: bytes) -> tuple[Place, str] | None:
    try:
        data = _decode(message).data
        body = bytes(data.event)
        at = message.find(body)
        around = message[:at] + b"{}" + message[at + len(body) :]
        return (data, body.decode()) if _is_usual(around) else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _opened_carefully(message: bytes) -> tuple[Place, str]:
    data = parse_object(message, "fact", FACT_LIMIT_BYTES).get("data")
    if not isinstance(data, dict):
        raise refused("fact.data", data, "an object")
    place = shaped(Place, data, "fact.data")
    body = data.get("event")
    if not isinstance(body, dict):
        raise refused("fact.data.event", body, "an object")
    return place, bytes(msgspec.json.decode(message, type=_Within).data.event).decode()


@dataclass(frozen=True, slots=True)
class _Data(Place):
    event: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Message:
    """As `fact_message` writes it."""

    data: _Data
    datacontenttype: str
    id: str
    source: str
    specversion: str
    subject: str
    time: str
    type: str


class _JustEvent(msgspec.Struct):
    event: msgspec.Raw


class _Within(msgspec.Struct):
    data: _JustEvent


_decode: Final = msgspec.json.Decoder(_Message).decode
_is_usual: Final = usual(_Message)
