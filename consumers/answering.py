"""What a worker process answers over HTTP: /health (alive), /ready (working, or why not), /metrics (Prometheus)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from consumers.worker import Readiness
from controller.connections import certified
from controller.core.errors import Broken
from controller.settings import Settings


@asynccontextmanager
async def answering(settings: Settings, readiness: Readiness) -> AsyncIterator[int]:
    """
    Answer on settings.host:settings.worker_port (0: a free one) while the block runs; yields the port.

    Raises Broken when it is taken, or settings name what is no certificate.
    """
    host, port, sealed = settings.host, settings.worker_port, certified(settings.tls_cert, settings.tls_key)

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(_: web.Request) -> web.Response:
        missing = await readiness.missing()
        return web.json_response({"ready": not missing, "missing": missing}, status=503 if missing else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/health", health)
    application.router.add_get("/ready", ready)
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, ssl_context=sealed).start()
        except OSError as error:
            raise Broken(f"{host}:{port} cannot be listened on ({error}); choose SEGUE_WORKER_PORT anew") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
