"""GET: services, their history, and the dead letters, as JSON; for viewers and operators."""

from base64 import b64encode
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from controller.api.tokens import allow
from controller.core.named import NamedPlan
from controller.core.state import table, timers
from controller.journal import views
from controller.wire.envelope import time_text
from controller.wire.shape import plain
from controller.wire.strict import canonical, parse_object

_PAGE = 100
_LARGEST_PAGE = 1000
_LARGEST_NUMBER = 2**63 - 1
_FACT_BYTES = 4 * 1024 * 1024
_PREVIEW_BYTES = 500


async def services(request: Request) -> Response:
    """List every service with its state and table."""
    allow(request, "viewer")
    store = await request.app.state.reading.store()
    return _json({"services": [_service(one) for one in await views.services(store)]})


async def service(request: Request) -> Response:
    """Tell one service's state, table, timers, and its running rollout with the steps it entered."""
    allow(request, "viewer")
    store = await request.app.state.reading.store()
    found = await _found(request)
    running = await views.rollout(store, found.state.rollout.id) if found.state.rollout else None
    return _json({**_service(found), "rollout": plain(running) if running else None})


async def plans(request: Request) -> Response:
    """Tell the plans that a service calls by name, each with its version, who set it, why and when."""
    allow(request, "viewer")
    found = await _found(request)
    return _json({"service": found.service, "plans": [_plan(one) for one in found.state.plans]})


async def history(request: Request) -> Response:
    """Tell a service's facts after a position (?after=), oldest first, at most ?limit= of them."""
    allow(request, "viewer")
    after, limit = _page(request)
    found = await _found(request)
    store = await request.app.state.reading.store()
    facts = [_fact(one) for one in await views.history(store, found.service, after, limit)]
    return _json({"service": found.service, "position": found.position, "facts": facts})


async def dead_letters(request: Request) -> Response:
    """List dead letters whose number is above ?after=, oldest first, each with the beginning of what it holds."""
    allow(request, "viewer")
    after, limit = _page(request)
    store = await request.app.state.reading.store()
    return _json({"dead_letters": [_letter(one) for one in await views.dead_letters(store, after, limit)]})


async def dead_letter(request: Request) -> Response:
    """Tell one dead letter with all its bytes, in base64."""
    allow(request, "viewer")
    store = await request.app.state.reading.store()
    letter = await views.dead_letter(store, request.path_params["letter"])
    if letter is None:
        raise HTTPException(404, f"there is no dead letter {request.path_params['letter']!r}; see /v1/dead-letters")
    return _json({**_letter(letter), "key_base64": _base64(letter.key), "value_base64": _base64(letter.value)})


async def _found(request: Request) -> views.Service:
    name = request.path_params["name"]
    found = await views.service(await request.app.state.reading.store(), name)
    if found is None:
        raise HTTPException(404, f"nothing is recorded for a service named {name!r}; see /v1/services")
    return found


def _page(request: Request) -> tuple[int, int]:
    return _number(request, "after", 0, 0, _LARGEST_NUMBER), _number(request, "limit", _PAGE, 1, _LARGEST_PAGE)


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    # Without the look at its length, a page of digits would be too long for int to take.
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise HTTPException(400, f"?{name}= is {text[:40]!r}; allowed: a whole number from {least} to {most}")
    return int(text)


def _service(one: views.Service) -> dict[str, object]:
    return {
        "service": one.service,
        "position": one.position,
        "at": time_text(one.at_ms),
        "head_hash": one.head_hash,
        "state": plain(one.state),
        "table": plain(table(one.state)),
        "timers": [
            {"kind": timer.kind, "epoch": timer.epoch, "due": time_text(timer.due_ms)} for timer in timers(one.state)
        ],
    }


def _plan(one: NamedPlan) -> dict[str, object]:
    return {
        "name": one.name,
        "version": one.version,
        "at": time_text(one.at_ms),
        "actor": one.actor,
        "reason": one.reason,
        "plan": plain(one.plan),
    }


def _fact(one: views.Recorded) -> dict[str, object]:
    return {
        "position": one.position,
        "id": one.id,
        "at": time_text(one.at_ms),
        "type": one.type,
        "schema": one.schema,
        "actor": one.actor,
        "reason": one.reason,
        "rollout": one.rollout,
        "cause": one.cause,
        "event": parse_object(one.body.encode(), one.id, _FACT_BYTES),
        "prev_hash": one.prev_hash,
        "hash": one.hash,
    }


def _letter(one: views.DeadLetter) -> dict[str, object]:
    value = one.value or b""
    return {
        "number": one.number,
        "letter": one.letter,
        "service": one.service,
        "topic": one.topic,
        "partition": one.partition,
        "offset": one.offset,
        "at": time_text(one.at_ms),
        "reason": one.reason,
        "bytes": len(value),
        "begins": value[:_PREVIEW_BYTES].decode(errors="replace"),
        "headers": {name: header.decode(errors="replace") for name, header in one.headers},
    }


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _json(body: Mapping[str, object]) -> Response:
    return Response(canonical(body), media_type="application/json")
