"""The API's OpenAPI document, GET /openapi.json: what may be asked by whom, and what comes back."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from controller.api.orders import IN_A_ROLE, ORDERS
from controller.api.parameters import LARGEST_NUMBER, LARGEST_PAGE, PAGE
from controller.core.names import SERVICE_PATTERN
from controller.wire.asked import RolloutRequested
from controller.wire.messages import MESSAGES
from controller.wire.openapi import (
    PATH,
    Answer,
    Operation,
    Schema,
    document,
    json_of,
    models_of,
    named,
    of_fields,
    parameter,
)
from controller.wire.topics import Topic

Fields = Mapping[str, Schema]

_TEXT: Final[Schema] = {"type": "string"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_NUMBER: Final[Schema] = {"type": "integer"}
_OBJECT: Final[Schema] = {"type": "object"}
_MAYBE_OBJECT: Final[Schema] = {"type": ["object", "null"]}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_FACT: Final[Fields] = {
    **dict.fromkeys(("id", "type", "actor", "reason", "rollout", "cause", "prev_hash", "hash"), _TEXT),
    "position": _NUMBER,
    "at": _TIME,
    "schema": _NUMBER,
    "event": _OBJECT,
}
_LETTER: Final[Fields] = {
    **dict.fromkeys(("letter", "service", "topic", "reason", "begins"), _TEXT),
    **dict.fromkeys(("number", "partition", "offset", "bytes"), _NUMBER),
    "at": _TIME,
    "headers": _OBJECT,
}
_PLAN: Final[Fields] = {
    **dict.fromkeys(("name", "actor", "reason"), _TEXT),
    "version": _NUMBER,
    "at": _TIME,
    "plan": _OBJECT,
}
_SERVICE: Final[Fields] = {
    **dict.fromkeys(("service", "head_hash"), _TEXT),
    "position": _NUMBER,
    "at": _TIME,
    "state": _OBJECT,
    "table": _OBJECT,
    "timers": _list(of_fields({"kind": _TEXT, "epoch": _NUMBER, "due": _TIME})),
}
_LIVE: Final[Fields] = {
    **dict.fromkeys(("service", "fact", "actor", "reason", "cause"), _TEXT),
    "at": _TIME,
    "since": _TIME,
    "until": _MAYBE_TEXT,
    "table": _OBJECT,
    **dict.fromkeys(("rollout", "step", "preparing"), _MAYBE_OBJECT),
}
_ALERT: Final[Schema] = {
    "description": "An alert as Alertmanager sends it, with a label `service`. One that cannot be read is taken as "
    "well: it is recorded as rejected, with the reason, and costs its neighbours nothing.",
    "examples": [
        {
            "status": "firing",
            "labels": {"alertname": "Errors", "service": "hibari", "severity": "critical"},
            "annotations": {"summary": "it fails"},
            "startsAt": "2026-03-03T09:26:40Z",
            "fingerprint": "c4f3",
        }
    ],
}
_WEBHOOK: Final = of_fields({"version": {"const": "4"}, "alerts": {"type": "array", "minItems": 1, "items": _ALERT}})

_NAME: Final = parameter("name", {"type": "string", "pattern": SERVICE_PATTERN}, "the service", "path")
_AFTER: Final = parameter("after", {"type": "integer", "minimum": 0, "maximum": LARGEST_NUMBER}, "the last one known")
_LIMIT: Final = parameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}, "how many at most"
)
_KNOWN: Final = parameter("If-None-Match", _TEXT, "tags of answers that are known", "header")
_ONCE: Final = parameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200},
    "the sender's own name for this: what is sent again under it changes nothing",
    "header",
)
_SPAN: Final = (parameter("since", _TIME, "from this time on"), parameter("until", _TIME, "until this time"))

_REFUSED: Final = {
    400: "it cannot be read; the reason says what and where",
    401: "no token, or one that is not known",
    403: "a token of another role",
    404: "nothing is recorded of that name",
    413: "the body is too long",
    503: "Kafka or the database is away: try again",
}


@cache
def text() -> str:
    """Return the document."""
    return document(
        "Segue",
        "Alerts and orders in, the state and history of services out. What is answered 202 stands in Kafka; what it "
        "does is decided by the consumers, and told in the service's history.",
        _operations(),
        {
            "Error": of_fields({"error": {"type": "string", "minLength": 1}}),
            **models_of(RolloutRequested),
            **{
                name: schema
                for order, kind in ORDERS.items()
                for name, schema in models_of(
                    MESSAGES[Topic.ORDERED][kind], "service", *(["role"] if kind in IN_A_ROLE else [])
                ).items()
            },
        },
    )


async def openapi(_: Request) -> Response:
    """Tell the document."""
    return Response(text(), media_type="application/json")


def _operations() -> Iterator[Operation]:
    yield _posted(
        "/alertmanager", "Take a notification of Alertmanager.", "alertmanager", _WEBHOOK, {"accepted": _NUMBER}
    )
    taken = dict.fromkeys(("id", "source", "service", "type"), _TEXT)
    yield _posted("/v1/rollouts", "Ask for a rollout.", "operator", named("RolloutRequested"), taken, _ONCE)
    for order, kind in ORDERS.items():
        model = MESSAGES[Topic.ORDERED][kind]
        role = "operator, or the one that the gate asks for" if kind in IN_A_ROLE else "operator"
        says = (model.__doc__ or "").strip().splitlines()[0]
        path = f"/v1/services/{{name}}/{order}"
        yield _posted(path, says, role, named(model.__name__), taken, _NAME, _ONCE)
    yield _told("/v1/services", "Every service, with its state and table.", {"services": _list(of_fields(_SERVICE))})
    yield _told(
        "/v1/services/{name}", "One service, with its running rollout.", {**_SERVICE, "rollout": _MAYBE_OBJECT}, _NAME
    )
    yield _told(
        "/v1/services/{name}/history",
        "A service's facts after a position, oldest first.",
        {"service": _TEXT, "position": _NUMBER, "facts": _list(of_fields(_FACT))},
        *(_NAME, _AFTER, _LIMIT),
    )
    time = parameter("time", _TIME, "when", required=True)
    yield _told("/v1/services/{name}/at", "What a service served at a time.", _LIVE, _NAME, time, _KNOWN)
    plans = {"service": _TEXT, "plans": _list(of_fields(_PLAN))}
    yield _told("/v1/services/{name}/plans", "The plans that a service calls by name.", plans, _NAME)
    filters = [parameter(name, _TEXT, "of this alone") for name in ("service", "rollout", "actor", "release")]
    yield _told(
        "/v1/history",
        "Facts of all services in the order of time, page by page.",
        {"facts": _list(of_fields({"service": _TEXT, **_FACT})), "next": _MAYBE_TEXT, "more": {"type": "boolean"}},
        *filters,
        parameter("type", _list(_TEXT), "of these types alone"),
        *_SPAN,
        parameter("measurements", {"type": "boolean"}, "whether windows are told as well"),
        parameter("after", _TEXT, "the `next` of the page before"),
        *(_LIMIT, _KNOWN),
    )
    rows = {"months": _list(_OBJECT), "all_services": _list(_OBJECT), "total": _OBJECT}
    yield _told("/v1/report", "What came of the rollouts, by month.", rows, filters[0], *_SPAN, _KNOWN)
    letters = {"dead_letters": _list(of_fields(_LETTER))}
    yield _told("/v1/dead-letters", "Messages that could not be read.", letters, _AFTER, _LIMIT)
    place = parameter("letter", {"type": "string", "minLength": 1}, "topic/partition/offset", "path")
    whole = {**_LETTER, "key_base64": _MAYBE_TEXT, "value_base64": _MAYBE_TEXT}
    yield _told("/v1/dead-letters/{letter}", "One of them, with all its bytes.", whole, place)
    yield Operation("GET", "/health", "Whether this process lives.", _open({"status": {"const": "ok"}}))
    ready = of_fields({"ready": {"type": "boolean"}, "missing": _OBJECT})
    answers = {200: Answer("ready", json_of(ready)), 503: Answer("not ready, and why", json_of(ready))}
    yield Operation("GET", "/ready", "Whether Kafka and the database are there.", answers)
    series = {200: Answer("series", {"text/plain": _TEXT})}
    yield Operation("GET", "/metrics", "What Prometheus reads.", series)
    yield Operation("GET", PATH, "This document.", _open({"openapi": _TEXT}))


def _posted(path: str, says: str, role: str, body: Schema, told: Fields, *parameters: Schema) -> Operation:
    answers = {202: Answer("Kafka has it", json_of(of_fields(told))), **_refused(400, 401, 403, 413, 503)}
    return Operation("POST", path, says, answers, role, parameters, body)


def _told(path: str, says: str, told: Fields, *parameters: Schema) -> Operation:
    answers = {**_open(told), **_refused(400, 401, 403, 503)}
    if "{" in path or any(one["name"] == "service" for one in parameters):
        answers |= _refused(404)
    if _KNOWN in parameters:
        answers[304] = Answer("it is what If-None-Match names")
    return Operation("GET", path, says, answers, "viewer", parameters)


def _open(told: Fields) -> dict[int, Answer]:
    return {200: Answer("told", json_of(of_fields(told)))}


def _refused(*statuses: int) -> dict[int, Answer]:
    return {status: Answer(_REFUSED[status], json_of(named("Error"))) for status in statuses}
