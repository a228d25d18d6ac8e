"""
A Kafka record to exactly one command: what it says or, when it cannot be read, that it was rejected and why.

Source and id together name an input; the inbox keeps every one it has seen, so a redelivered record is quiet.
"""

from dataclasses import dataclass
from typing import Final

from controller.core.commands import AnyCommand, RejectMessage
from controller.core.errors import Malformed
from controller.core.names import UNADDRESSED, is_service
from controller.wire.envelope import decode
from controller.wire.messages import MESSAGES, MessageType, read_data
from controller.wire.strict import MISSING, parse, refused
from controller.wire.topics import Topic

REJECTED_SOURCE: Final = "segue/rejected"

RESTORED_SOURCE: Final = "segue/restored"
"""
Names a message of which nothing is left but the facts that it led to, in a store that was restored from Kafka.

Its id there is service/id: who sent it, the facts do not say.
"""


@dataclass(frozen=True, slots=True)
class Received:
    """One Kafka record as it came in. timestamp_ms: stamped by the broker, milliseconds since 1970."""

    topic: Topic
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Input:
    """What a record asks for. (source, id) names it; sent_ms is the time by which it is decided."""

    source: str
    id: str
    command: AnyCommand
    sent_ms: int
    record: Received


def read(record: Received) -> Input:
    """Return what a record of an inbound topic says; raises Malformed: the place, the value, what is allowed."""
    try:
        return _read(record)
    except Malformed:
        raise
    except Exception as error:
        # A mistake of ours. Raised as it is, it would stand before every message that comes after it, for ever.
        raise Malformed(
            f"message could not be read: {error!r}; report it, and re-drive it once it is mended"
        ) from error


def rejected(record: Received, why: Malformed) -> Input:
    """
    Return a record that cannot be read as the command that records just that; never raises.

    It goes to the service that it names, if it names one in any readable way, else to the stream UNADDRESSED.
    Its id holds the broker's time besides its place, for a topic that was made anew counts its places from 0 again.
    """
    letter = f"{record.topic}/{record.partition}/{record.offset}"
    command = RejectMessage(
        service=_addressee(record),
        actor="segue",
        reason=str(why),
        topic=record.topic.value,
        partition=record.partition,
        offset=record.offset,
        letter=letter,
    )
    return Input(REJECTED_SOURCE, f"{letter}@{record.timestamp_ms}", command, record.timestamp_ms, record)


def undecidable(record: Received, error: Exception) -> Input:
    """Return a record, over which deciding itself failed, as the command that records just that."""
    return rejected(record, Malformed(f"could not be decided: {error!r}"))


def _read(record: Received) -> Input:
    if record.value is None:
        raise refused("message", MISSING, "a CloudEvent; a record without a value says nothing")
    event = decode(record.value, record.headers)
    known = MESSAGES.get(record.topic, {})
    if event.type not in known:
        raise refused("type", event.type, f"on {record.topic}: {', '.join(known)}")
    # By these the inbox tells what is not as it was sent: an order under one of them would be in no audit, and would
    # make whatever it is named after a repetition.
    if event.source in (REJECTED_SOURCE, RESTORED_SOURCE):
        raise refused(
            "source", event.source, f"any but {REJECTED_SOURCE} and {RESTORED_SOURCE}, which Segue itself gives"
        )
    command = read_data(known[MessageType(event.type)], event.data, event.source)
    return Input(event.source, event.id, command, record.timestamp_ms, record)


def _addressee(record: Received) -> str:
    try:
        body = parse(record.value or b"")
    except Malformed:
        body = None
    named = []
    if isinstance(body, dict):
        data = body.get("data")
        named = [data.get("service")] if isinstance(data, dict) else []
        named.append(body.get("service"))
    named.append((record.key or b"").decode(errors="replace"))
    return next((name for name in named if isinstance(name, str) and is_service(name)), UNADDRESSED)
