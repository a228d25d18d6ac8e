"""The routes, and what lives as long as the app: the producer and the store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from controller.api.alertmanager import receive_alerts
from controller.api.answers import HANDLERS
from controller.api.metrics import Counted, Metrics
from controller.api.openapi import openapi
from controller.api.orders import ORDERS, give_order, request_rollout
from controller.api.past import at, history, history_of, report
from controller.api.publisher import Publisher
from controller.api.queries import dead_letter, dead_letters, plans, service, services
from controller.api.reading import Reading
from controller.settings import Settings
from controller.wire.openapi import PATH as OPENAPI_PATH

ALERTS_PATH: Final = "/alertmanager"


def create_app(settings: Settings) -> Starlette:
    """Return the API; it starts without Kafka and without the database, and answers 503 until they are there."""
    metrics = Metrics()
    app = Starlette(
        routes=[
            Route(ALERTS_PATH, receive_alerts, methods=["POST"]),
            Route("/v1/rollouts", request_rollout, methods=["POST"]),
            *(
                Route(f"/v1/services/{{name}}/{order}", give_order(type), methods=["POST"])
                for order, type in ORDERS.items()
            ),
            Route("/v1/services", services),
            Route("/v1/services/{name}", service),
            Route("/v1/services/{name}/history", history_of),
            Route("/v1/services/{name}/at", at),
            Route("/v1/services/{name}/plans", plans),
            Route("/v1/history", history),
            Route("/v1/report", report),
            Route("/v1/dead-letters", dead_letters),
            Route("/v1/dead-letters/{letter:path}", dead_letter),
            Route("/health", _health),
            Route("/ready", _ready),
            Route("/metrics", _metrics),
            Route(OPENAPI_PATH, openapi),
        ],
        middleware=[Middleware(Counted, metrics)],
        exception_handlers=HANDLERS,
        lifespan=_lifespan,
    )
    app.router.default = _nothing_there
    # It would name the host that the asker named, and http behind a proxy that ends TLS: a token would follow in clear.
    app.router.redirect_slashes = False
    app.state.tokens = settings.tokens
    app.state.metrics = metrics
    app.state.publisher = Publisher(settings.brokers, settings.topic_prefix)
    app.state.reading = Reading(settings.database)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    publishing = asyncio.create_task(app.state.publisher.run())
    try:
        yield
    finally:
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
        await app.state.reading.close()


async def _nothing_there(_: Scope, __: Receive, ___: Send) -> None:
    raise HTTPException(
        404, f"there is nothing at this path; alerts are posted to {ALERTS_PATH}, and {OPENAPI_PATH} has all paths"
    )


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    state = request.app.state
    missing = {"kafka": state.publisher.missing, "database": await state.reading.missing()}
    missing = {name: why for name, why in missing.items() if why}
    return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)


async def _metrics(request: Request) -> Response:
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
