"""
CloudEvents 1.0 around a message: structured JSON, or binary mode with the attributes in Kafka headers.

Source: CloudEvents specification 1.0.2, its JSON format, and its Kafka protocol binding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from controller.core.errors import Malformed
from controller.wire.strict import MISSING, canonical, check_text, parse, parse_object, refused

STRUCTURED: Final = "application/cloudevents+json"
HEADERS: Final = (("content-type", STRUCTURED.encode()),)
"""Goes with everything that `encode` makes."""

REFUSED_HEADER: Final = "segue-refused"
"""Marks bytes that were refused before they came to Kafka; its value is the reason."""

_ID_CHARACTERS: Final = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event as its sender wrote it. (source, id) names it for ever: seen again, it is the same event."""

    type: str
    source: str
    id: str
    data: Mapping[str, object]


def encode(type: str, source: str, id: str, service: str, data: Mapping[str, object], time_ms: int) -> bytes:
    """
    Return a structured-mode event about one service, in canonical JSON.

    time_ms: milliseconds since 1970, UTC. `service` becomes the event's subject and stands in the data as well.
    """
    return canonical(
        {
            "specversion": "1.0",
            "type": type,
            "source": source,
            "id": id,
            "subject": service,
            "time": time_text(time_ms),
            "datacontenttype": "application/json",
            "data": {**data, "service": service},
        }
    ).encode()


def decode(value: bytes, headers: Sequence[tuple[str, bytes]]) -> CloudEvent:
    """Read an event in either mode; raises Malformed."""
    named = _headers(headers)
    if reason := _header(named, REFUSED_HEADER).strip():
        raise Malformed(reason)
    content_type = _header(named, "content-type").split(";")[0].strip().lower()
    if content_type == STRUCTURED or not any(name.startswith("ce_") for name in named):
        return _structured(parse_object(value), content_type)
    return _binary(value, named, content_type)


def time_text(time_ms: int) -> str:
    """Return milliseconds since 1970 as RFC 3339 text in UTC, to the millisecond."""
    second, millisecond = divmod(time_ms, 1000)
    return f"{_second_text(second)}.{millisecond:03}Z"


# Each fact is written with its time in several places, and many are of one second.
@lru_cache(maxsize=1024)
def _second_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat().removesuffix("+00:00")


def schema_id(type: str) -> str:
    """Return the name of the JSON Schema of this type's data; the only `dataschema` that a message may claim."""
    return f"urn:{type.replace('.', ':')}:1"


def _structured(event: Mapping[str, object], content_type: str) -> CloudEvent:
    if content_type not in ("", STRUCTURED, "application/json"):
        raise refused("header content-type", content_type, f"{STRUCTURED}, or the attributes in ce_ headers")
    if "data_base64" in event:
        raise refused("data_base64", event["data_base64"], "JSON in data")
    return _event(event, event.get("data", MISSING))


def _binary(value: bytes, named: Mapping[str, bytes], content_type: str) -> CloudEvent:
    if content_type not in ("", "application/json"):
        raise refused("header content-type", content_type, f"application/json with ce_ headers, or {STRUCTURED}")
    attributes = {name.removeprefix("ce_"): _header(named, name) for name in named if name.startswith("ce_")}
    return _event(attributes, parse(value, "data"))


def _event(attributes: Mapping[str, object], data: object) -> CloudEvent:
    if attributes.get("specversion", MISSING) != "1.0":
        raise refused("specversion", attributes.get("specversion", MISSING), "'1.0', of CloudEvents")
    if (kind := attributes.get("datacontenttype", "application/json")) not in ("application/json", None):
        raise refused("datacontenttype", kind, "application/json")
    event_type = _attribute(attributes, "type")
    if (schema := attributes.get("dataschema")) not in (None, schema_id(event_type)):
        raise refused("dataschema", schema, f"{schema_id(event_type)}, or none")
    if not isinstance(data, dict):
        raise refused("data", data, "an object")
    return CloudEvent(event_type, _attribute(attributes, "source"), _attribute(attributes, "id"), data)


def _attribute(attributes: Mapping[str, object], name: str) -> str:
    value = attributes.get(name, MISSING)
    if isinstance(value, str) and 0 < len(value) <= _ID_CHARACTERS and value.isprintable():
        return value
    raise refused(name, value, f"1 to {_ID_CHARACTERS} printable characters")


def _headers(headers: Sequence[tuple[str, bytes]]) -> Mapping[str, bytes]:
    named: dict[str, bytes] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in named and (lower.startswith("ce_") or lower in ("content-type", REFUSED_HEADER)):
            raise Malformed(f"header {lower!r} occurs twice; allowed: once")
        named[lower] = value
    return named


def _header(named: Mapping[str, bytes], name: str) -> str:
    raw = named.get(name) or b""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise refused(f"header {name}", raw, "UTF-8 text") from None
    check_text(text, f"header {name}")
    return text
