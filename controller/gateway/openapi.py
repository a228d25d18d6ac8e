"""The gateway's OpenAPI document, GET /openapi.json: OpenAI's speech API as it is here, and what else is shown."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from controller.core.names import SERVICE_PATTERN
from controller.gateway.encode import Format, content_type
from controller.gateway.failures import FAILURES_PATH
from controller.gateway.request import FASTEST, SLOWEST
from controller.gateway.text import MOST_CHARACTERS
from controller.wire.openapi import PATH, Answer, Operation, Schema, document, json_of, named, of_fields, parameter

SPEECH_PATH: Final = "/v1/audio/speech"

_TEXT: Final[Schema] = {"type": "string"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_OBJECT: Final[Schema] = {"type": "object"}
_NUMBER: Final[Schema] = {"type": "integer"}

_ERROR: Final = of_fields(
    {
        "error": of_fields(
            {
                "message": {"type": "string", "minLength": 1},
                "type": {"enum": ["invalid_request_error", "rate_limit_error", "server_error"]},
                "param": _MAYBE_TEXT,
                "code": _TEXT,
            }
        )
    }
)
_SPEECH: Final = of_fields(
    {
        "model": {"type": "string", "pattern": SERVICE_PATTERN, "description": "the service; see /v1/models"},
        "input": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
    },
    voice={"type": ["string", "null"], "description": "see /v1/audio/voices"},
    response_format={"enum": [*Format, None], "default": Format.MP3},
    speed={"type": ["number", "null"], "minimum": SLOWEST, "maximum": FASTEST, "default": 1},
    stream={"type": ["boolean", "null"], "description": "audio is sent as it is made"},
    stream_format={"enum": ["audio", "", None]},
    user={"type": ["string", "null"], "description": "who stays with one release; better: x-segue-user"},
    safety_identifier=_MAYBE_TEXT,
)
_AUDIO: Final[Schema] = {"type": "string", "contentMediaType": "application/octet-stream"}
_SOUNDS: Final = [content_type(kind, 24_000).partition(";")[0] for kind in Format]
_REFUSED: Final = {
    400: "it cannot be spoken as it is; `param` names the field at fault",
    401: "no token, or one that is not known",
    403: "a token of another role",
    404: "no such model, or no such release of it",
    413: "the body is too long",
    429: "this caller's release has no place free: try again",
    502: "the release failed",
    503: "nothing can speak just now: try again",
    504: "the release took too long",
}


@cache
def text() -> str:
    """Return the document."""
    return document(
        "Segue's speech gateway",
        "Speech by whichever release a listener has; OpenAI's clients can ask for it as they are.",
        _operations(),
        {"Error": _ERROR},
    )


def _operations() -> Iterator[Operation]:
    spoken = {200: Answer("audio", dict.fromkeys(_SOUNDS, _AUDIO))}
    refused = _refused(400, 404, 413, 429, 502, 503, 504)
    heard_as = parameter("x-segue-user", _TEXT, "who stays with one release", "header")
    yield Operation("POST", SPEECH_PATH, "Speak a text.", {**spoken, **refused}, "", (heard_as,), _SPEECH)
    listed: Mapping[str, Schema] = {"object": {"const": "list"}, "data": {"type": "array", "items": _OBJECT}}
    yield _shown("/v1/models", "The services that can be asked for.", listed)
    yield _shown("/v1/audio/voices", "The voices of every service.", listed)
    yield _shown("/version", "Every service's releases, with their shares of the traffic.", {"services": _OBJECT})
    ready = of_fields({"ready": {"type": "boolean"}, "source": {"enum": ["kafka", "disk"]}, "epochs": _OBJECT})
    answers = {200: Answer("requests can be routed", json_of(ready)), 503: Answer("not yet", json_of(ready))}
    yield Operation("GET", "/ready", "Whether requests can be routed, and by what.", answers)
    for path, what, kind in (
        ("/", "A page to try voices on.", "text/html"),
        ("/health", "Whether this process lives.", "text/plain"),
        ("/metrics", "What Prometheus reads.", "text/plain"),
    ):
        yield Operation("GET", path, what, {200: Answer("shown", {kind: _TEXT})})
    whose = [
        parameter(name, {"type": "string", "minLength": 1}, "whose", required=True) for name in ("service", "release")
    ]
    failures = {200: Answer("told", json_of(of_fields({"failed": _NUMBER, "failures": {"type": "array"}})))}
    says = "The last attempts of a release that failed."
    yield Operation("GET", FAILURES_PATH, says, {**failures, **_refused(400, 401, 403)}, "viewer", tuple(whose))
    yield _shown(PATH, "This document.", {"openapi": _TEXT})


def _shown(path: str, says: str, told: Mapping[str, Schema]) -> Operation:
    return Operation("GET", path, says, {200: Answer("told", json_of(of_fields(told)))})


def _refused(*statuses: int) -> dict[int, Answer]:
    return {status: Answer(_REFUSED[status], json_of(named("Error"))) for status in statuses}
