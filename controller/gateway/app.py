"""The gateway as an ASGI application, made from its parts."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controller.gateway import about, openapi
from controller.gateway.admission import Limits
from controller.gateway.asgi import JSON, App, Headers, Receive, Scope, Send, answer, answer_problem
from controller.gateway.encode import Encoders
from controller.gateway.engine import Engine
from controller.gateway.failures import FAILURES_PATH, Failures
from controller.gateway.follow import Follows
from controller.gateway.metrics import Metrics
from controller.gateway.mirror import Mirror
from controller.gateway.openapi import SPEECH_PATH
from controller.gateway.page import page
from controller.gateway.problem import Problem
from controller.gateway.speak import PATIENCE_S, Speaker
from controller.gateway.speech import Speech
from controller.gateway.tables import Tables
from controller.gateway.underway import UnderWay
from controller.gateway.unheard import Unheard
from controller.wire.openapi import PATH as OPENAPI_PATH


@dataclass(frozen=True, slots=True)
class Parts:
    """
    What the application is made from.

    timeout_s, late_s, patience_s: see `Means`; late_s is a quarter of timeout_s where None is given. copies: of users'
    requests, and late: attempts that go on after another release was heard, both to be ended when serving has ended.
    under_way: told of every utterance. failures: the last that failed, shown to whose token, of `tokens`, may look.
    """

    tables: Tables
    follower: Follows
    engine: Engine
    metrics: Metrics
    encoders: Encoders
    timeout_s: float
    limits: Limits | None = None
    copies: Unheard = field(default_factory=Unheard)
    patience_s: float = PATIENCE_S
    under_way: UnderWay = field(default_factory=UnderWay)
    failures: Failures = field(default_factory=Failures)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    late_s: float | None = None
    late: Unheard = field(default_factory=Unheard)


def make_app(parts: Parts) -> App:
    """Return the application: every route, and nothing that runs by itself but parts.copies and parts.late."""
    speaker = Speaker(
        parts.engine,
        parts.metrics,
        parts.tables,
        timeout_s=parts.timeout_s,
        limits=parts.limits,
        late_s=parts.late_s,
        patience_s=parts.patience_s,
        late=parts.late,
        under_way=parts.under_way,
        failures=parts.failures,
    )
    mirror = Mirror(speaker.means, parts.copies)
    speech = Speech(parts.tables, speaker, mirror, parts.encoders, parts.metrics)
    pages = _pages(parts)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "serve it with lifespan and websockets off"
        path, method = scope["path"], scope["method"]
        if path == SPEECH_PATH:
            await (speech(scope, receive, send) if method == "POST" else answer_problem(send, _only("POST")))
        elif path == FAILURES_PATH and method == "GET":
            await _tell_failures(parts, scope, send)
        elif path not in pages:
            there = f"there is nothing at this path; speech is at {SPEECH_PATH}"
            await answer_problem(send, Problem(404, there, code="not_found"))
        elif method not in ("GET", "HEAD"):
            await answer_problem(send, _only("GET, HEAD"))
        else:
            # The server leaves the body out when the method is HEAD.
            await answer(send, *pages[path]())

    return app


async def _tell_failures(parts: Parts, scope: Scope, send: Send) -> None:
    try:
        told = parts.failures.asked(scope["query_string"], dict(scope["headers"]), parts.tokens)
    except Problem as problem:
        await answer_problem(send, problem)
    else:
        await answer(send, *_json(told))


_Page = tuple[int, Headers, bytes]


def _pages(parts: Parts) -> dict[str, Callable[[], _Page]]:
    tables, follower = parts.tables, parts.follower
    return {
        "/": page,
        "/health": lambda: (200, _PLAIN, b"ok\n"),
        "/ready": lambda: _json(about.readiness(tables, follower), 200 if follower.ready else 503),
        "/version": lambda: _json(about.versions(tables)),
        "/metrics": lambda: (200, _METRICS, parts.metrics.text()),
        "/v1/models": lambda: _json(about.models(tables)),
        "/v1/audio/voices": lambda: _json(about.all_voices(tables)),
        OPENAPI_PATH: lambda: (200, JSON, openapi.text().encode()),
    }


def _json(content: object, status: int = 200) -> _Page:
    return status, JSON, json.dumps(content, ensure_ascii=False).encode()


def _only(methods: str) -> Problem:
    return Problem(
        405, f"this path takes {methods} only", code="method_not_allowed", headers=((b"allow", methods.encode()),)
    )


_PLAIN: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)
_METRICS: Headers = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)
