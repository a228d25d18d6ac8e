"""GET: the past. Facts of one service or of all, page by page, and what was live at a moment; for viewers."""

import binascii
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from controller.api.etag import tagged
from controller.api.parameters import LARGEST_NUMBER, limit, moment, number, only, yes
from controller.api.queries import found, json_response
from controller.api.tokens import allow
from controller.core.errors import Malformed
from controller.journal import views
from controller.wire.envelope import time_text
from controller.wire.shape import shaped
from controller.wire.strict import canonical, check_text, parse_object

_FACT_BYTES: Final = 4 * 1024 * 1024
_LATEST_MS: Final = 253_402_300_799_999
FILTERS: Final = ("service", "rollout", "actor", "release", "since", "until", "measurements", "after", "limit")
"""The parameters of /v1/history that are given once; `type` may be given again."""

REPORT_FILTERS: Final = ("service", "since", "until")
"""Those of /v1/report."""


async def history_of(request: Request) -> Response:
    """Tell a service's facts after a position (?after=), oldest first, at most ?limit= of them."""
    allow(request, "viewer")
    only(request, "after", "limit")
    after, most = number(request, "after", 0, 0, LARGEST_NUMBER), limit(request)
    service = await found(request)
    store = await request.app.state.reading.store()
    facts = [_fact(one) for one in await views.history(store, service.service, after, most)]
    return json_response({"service": service.service, "position": service.position, "facts": facts})


async def history(request: Request) -> Response:
    """
    Tell the facts that are asked for, of all services in the order of time, with the place to go on from.

    `next` goes into ?after= and stays good for ever: it names a fact, not a number of facts.
    """
    allow(request, "viewer")
    only(request, *FILTERS, many="type")
    asked = request.query_params
    search = views.Search(
        service=asked.get("service"),
        rollout=asked.get("rollout"),
        actor=asked.get("actor"),
        types=tuple(asked.getlist("type")),
        release=asked.get("release"),
        since_ms=moment(request, "since"),
        until_ms=moment(request, "until"),
        measurements=yes(request, "measurements"),
    )
    after, most = _place(request, search.service), limit(request)
    store = await request.app.state.reading.store()
    if search.service is not None:
        await found(request, search.service)
    # One more than asked for says whether there is more, so that nobody has to ask for an empty page.
    facts = await views.page(store, search, after, most + 1)
    told, more = facts[:most], len(facts) > most
    next = _cursor(views.place_of(told[-1])) if told else asked.get("after")
    return tagged(
        request,
        canonical({"facts": [{"service": one.stream, **_fact(one)} for one in told], "next": next, "more": more}),
    )


async def at(request: Request) -> Response:
    """Tell what a service served at ?time=: its routing table then, by whose word, in which step of which rollout."""
    allow(request, "viewer")
    only(request, "time")
    at_ms = moment(request, "time")
    if at_ms is None:
        raise HTTPException(400, "?time= is missing; allowed: a time with its zone, such as 2026-03-01T03:00:00Z")
    service = await found(request)
    if at_ms > time.time_ns() // 1_000_000:
        raise HTTPException(400, f"?time= is {time_text(at_ms)}, which is still to come; see /v1/services/NAME for now")
    live = await views.live_at(await request.app.state.reading.store(), service.service, at_ms)
    if live is None:
        raise HTTPException(404, f"{service.service} served nothing yet at {time_text(at_ms)}; see its /history")
    return tagged(request, canonical(live.told()))


async def report(request: Request) -> Response:
    """Tell what came of the rollouts, by service and month, by month, and of all that were asked for."""
    allow(request, "viewer")
    only(request, *REPORT_FILTERS)
    service = request.query_params.get("service")
    since_ms, until_ms = moment(request, "since"), moment(request, "until")
    if service is not None:
        await found(request, service)
    store = await request.app.state.reading.store()
    return tagged(request, canonical((await views.report(store, service, since_ms, until_ms)).told()))


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


def _cursor(place: views.Place) -> str:
    said = {"at_ms": place.at_ms, "stream": place.stream, "position": place.position}
    return urlsafe_b64encode(canonical(said).encode()).decode().rstrip("=")


def _place(request: Request, service: str | None) -> views.Place:
    text = request.query_params.get("after")
    if text is None:
        return views.START
    refused = HTTPException(400, f"?after= is {text[:40]!r}; allowed: the `next` of an answer of /v1/history")
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        place = shaped(views.Place, parse_object(raw, "after"), "after")
        check_text(place.stream, "after")
    except (binascii.Error, ValueError, Malformed):
        raise refused from None
    if not (0 <= place.at_ms <= _LATEST_MS and 0 <= place.position <= LARGEST_NUMBER):
        raise refused
    if service is not None and place.stream != service:
        raise HTTPException(
            400, f"?after= goes on in the history of {place.stream}, and that of {service} is asked for"
        )
    return place
