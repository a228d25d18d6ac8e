"""A message on its way to Kafka: where to, under which key, and its bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controller.core.errors import Malformed
from controller.core.names import UNADDRESSED, is_service
from controller.wire.envelope import HEADERS, REFUSED_HEADER, encode
from controller.wire.topics import Topic

_REASON_CHARACTERS: Final = 1000
_KEPT_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to produce. key: the service, or None where even the addressee could not be read."""

    topic: Topic
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = HEADERS


def message(
    topic: Topic, type: str, source: str, id: str, service: str, data: Mapping[str, object], time_ms: int
) -> Outgoing:
    """Return a structured-mode event, keyed by its service; by UNADDRESSED when that can be no service's name."""
    key = service if is_service(service) else UNADDRESSED
    return Outgoing(topic, key.encode(), encode(type, source, id, service, data, time_ms))


def refused_message(topic: Topic, raw: bytes, why: Malformed) -> Outgoing:
    """
    Return bytes that were refused at the edge, on their way to be recorded as rejected.

    The reason travels in a header: with it the bytes can never be taken for a message, whatever they look like.
    Of a body larger than a topic takes, its beginning is kept, and the reason says so.
    """
    cut = f" (the first {_KEPT_BYTES} of its {len(raw)} bytes are kept)" if len(raw) > _KEPT_BYTES else ""
    reason = (str(why)[:_REASON_CHARACTERS] + cut).encode()
    return Outgoing(topic, None, raw[:_KEPT_BYTES], ((REFUSED_HEADER, reason),))
