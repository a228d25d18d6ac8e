"""GET: services as they stand, and the dead letters, as JSON; for viewers and operators."""

from base64 import b64encode
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from controller.api.parameters import LARGEST_NUMBER, limit, number, only
from controller.api.tokens import allow
from controller.core.named import NamedPlan
from controller.core.state import table, timers
from controller.journal import views
from controller.wire.envelope import time_text
from controller.wire.shape import plain
from controller.wire.strict import canonical, check_text

_PREVIEW_BYTES = 500


async def services(request: Request) -> Response:
    """List every service with its state and table."""
    allow(request, "viewer")
    only(request)
    store = await request.app.state.reading.store()
    return json_response({"services": [_service(one) for one in await views.services(store)]})


async def service(request: Request) -> Response:
    """Tell one service's state, table, timers, and its running rollout with the steps it entered."""
    allow(request, "viewer")
    only(request)
    store = await request.app.state.reading.store()
    known = await found(request)
    running = await views.rollout(store, known.state.rollout.id) if known.state.rollout else None
    return json_response({**_service(known), "rollout": plain(running) if running else None})


async def plans(request: Request) -> Response:
    """Tell the plans that a service calls by name, each with its version, who set it, why and when."""
    allow(request, "viewer")
    only(request)
    known = await found(request)
    return json_response({"service": known.service, "plans": [_plan(one) for one in known.state.plans]})


async def dead_letters(request: Request) -> Response:
    """List dead letters whose number is above ?after=, oldest first, each with the beginning of what it holds."""
    allow(request, "viewer")
    only(request, "after", "limit")
    after, most = number(request, "after", 0, 0, LARGEST_NUMBER), limit(request)
    store = await request.app.state.reading.store()
    return json_response({"dead_letters": [_letter(one) for one in await views.dead_letters(store, after, most)]})


async def dead_letter(request: Request) -> Response:
    """Tell one dead letter with all its bytes, in base64."""
    allow(request, "viewer")
    only(request)
    place = request.path_params["letter"]
    check_text(place, "letter")
    letter = await views.dead_letter(await request.app.state.reading.store(), place)
    if letter is None:
        raise HTTPException(404, f"there is no dead letter {place!r}; see /v1/dead-letters")
    return json_response({**_letter(letter), "key_base64": _base64(letter.key), "value_base64": _base64(letter.value)})


async def found(request: Request, name: str | None = None) -> views.Service:
    """Return the service of this name, by default the one in the path; raises HTTPException 404 when there is none."""
    name = request.path_params["name"] if name is None else name
    check_text(name, "service")
    known = await views.service(await request.app.state.reading.store(), name)
    if known is None:
        raise HTTPException(404, f"nothing is recorded for a service named {name!r}; see /v1/services")
    return known


def json_response(body: Mapping[str, object]) -> Response:
    """Answer with JSON, written the one way."""
    return Response(canonical(body), media_type="application/json")


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
