"""What a worker process answers over HTTP: /health (alive), /ready (working, or why not), /metrics (Prometheus)."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from consumers.worker import Readiness
from controller.connections import Bounds, Guard, Unsignalled, configured, listening
from controller.core.errors import Broken
from controller.settings import Settings

# Prometheus and whoever probes; far fewer than ask a gateway.
_BOUNDS: Final = Bounds(connections=500, answering=400)
# A question whether the database is there may take two seconds; a worker that ends does not wait for its answer.
_FINISH_S: Final = 0.1
_TEXT: Final = "text/plain; charset=utf-8"

_Answer = tuple[int, str, bytes]


@asynccontextmanager
async def answering(settings: Settings, readiness: Readiness) -> AsyncIterator[int]:
    """
    Answer on settings.host:settings.worker_port (0: a free one) while the block runs; yields the port.

    Raises Broken when it is taken, or settings name what is no certificate.
    """
    guard = Guard(_BOUNDS)
    certificate, key = settings.tls_cert, settings.tls_key
    config = configured(_app(readiness), guard, finish_s=_FINISH_S, certificate=certificate, key=key)
    with _listener(settings.host, settings.worker_port) as listener:
        server = Unsignalled(config)
        serving = asyncio.create_task(server.serve([listener]))
        watching = asyncio.create_task(guard.watch())
        try:
            yield listener.getsockname()[1]
        finally:
            watching.cancel()
            guard.end()
            server.should_exit = True
            await asyncio.gather(serving, watching, return_exceptions=True)


def _app(readiness: Readiness) -> Any:
    async def health() -> _Answer:
        return 200, _TEXT, b"alive\n"

    async def ready() -> _Answer:
        missing = await readiness.missing()
        told = json.dumps({"ready": not missing, "missing": missing})
        return 503 if missing else 200, "application/json; charset=utf-8", told.encode()

    async def metrics() -> _Answer:
        return 200, CONTENT_TYPE_LATEST, generate_latest()

    asked = {"/health": health, "/ready": ready, "/metrics": metrics}

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] not in asked:
            status, kind, body = 404, _TEXT, b"a worker answers /health, /ready and /metrics\n"
        elif scope["method"] not in ("GET", "HEAD"):
            status, kind, body = 405, _TEXT, b"a worker is asked by GET\n"
        else:
            status, kind, body = await asked[scope["path"]]()
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _listener(host: str, port: int) -> socket.socket:
    try:
        return listening(host, port)
    except OSError as error:
        raise Broken(f"{host}:{port} cannot be listened on ({error}); choose SEGUE_WORKER_PORT anew") from error
