"""A speech request's body, read: OpenAI's fields, each checked, none guessed."""

import json
from dataclasses import dataclass

import msgspec

from controller.gateway.encode import Format
from controller.gateway.problem import invalid
from controller.gateway.text import check_text

SLOWEST, FASTEST = 0.25, 4.0


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """
    What a caller wants spoken.

    service: the field `model`. voice: "" when not given. user: the field `user` or `safety_identifier`, "" when
    neither is given. stream: whether audio is sent as it is made.
    """

    service: str
    text: str
    voice: str
    format: Format
    speed: float
    stream: bool
    user: str


def read_request(body: bytes) -> SpeechRequest:
    """Read a body. Raises Problem naming the field at fault; fields that OpenAI's clients may add are let pass."""
    fields = _object(body)
    text = _text(fields, "input")
    check_text(text)
    return SpeechRequest(
        service=_text(fields, "model"),
        text=text,
        voice=_text(fields, "voice", ""),
        format=_format(fields),
        speed=_speed(fields),
        stream=_stream(fields),
        user=_text(fields, "user", "") or _text(fields, "safety_identifier", ""),
    )


def _object(body: bytes) -> dict[str, object]:
    try:
        try:
            # A tenth of what json takes.
            fields = msgspec.json.decode(body)
        except msgspec.DecodeError:
            # json takes more, such as NaN and half a surrogate pair; what is wrong with those is said field by field.
            fields = json.loads(body)
    # RecursionError: a few kilobytes of "[" are enough to nest deeper than the parser goes.
    except (ValueError, RecursionError):
        raise invalid(
            "the body is not JSON in UTF-8; send an object with model and input", None, "invalid_json"
        ) from None
    if not isinstance(fields, dict):
        raise invalid("the body is not a JSON object; send one with model and input", None, "invalid_json")
    return fields


def _text(fields: dict[str, object], name: str, default: str | None = None) -> str:
    value = fields.get(name)
    if value is None:
        if default is None:
            raise invalid(f"{name} is missing; it must be a string", name, "missing_required_parameter")
        return default
    if not isinstance(value, str):
        raise invalid(f"{name} is {_kind(value)}; it must be a string", name, "invalid_type")
    return value


def _format(fields: dict[str, object]) -> Format:
    name = _text(fields, "response_format", Format.MP3)
    try:
        return Format(name)
    except ValueError:
        raise invalid(f"response_format is unknown; use one of {', '.join(Format)}", "response_format") from None


def _speed(fields: dict[str, object]) -> float:
    speed = fields.get("speed")
    if speed is None:
        return 1.0
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        raise invalid(f"speed is {_kind(speed)}; it must be a number", "speed", "invalid_type")
    # Written so that NaN, which compares with nothing, is refused too.
    if not SLOWEST <= speed <= FASTEST:
        raise invalid(f"speed is out of range; give {SLOWEST} to {FASTEST}", "speed")
    return float(speed)


def _stream(fields: dict[str, object]) -> bool:
    stream = fields.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise invalid(f"stream is {_kind(stream)}; it must be true or false", "stream", "invalid_type")
    stream_format = _text(fields, "stream_format", "")
    if stream_format not in ("", "audio"):
        raise invalid('stream_format is not served; use "audio", or leave it out', "stream_format", "unsupported_value")
    return bool(stream) or stream_format == "audio"


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case dict():
            return "an object"
    return "a string"
