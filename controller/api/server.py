"""The API as a process: uvicorn on the running loop, until SIGTERM, SIGINT or cancellation."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from controller.api.app import create_app
from controller.connections import Bounds, Guard, Unsignalled, configured, listening
from controller.core.errors import Broken, Malformed
from controller.settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ANSWERING = 512
_FINISH_S = 5


async def serve(settings: Settings) -> None:
    """
    Serve the API on settings.host:settings.api_port.

    Raises Malformed when settings name no Kafka, Broken when the address cannot be had.
    """
    if not settings.kafka:
        raise Malformed("SEGUE_KAFKA is empty; give Kafka's address, such as 127.0.0.1:9092, or use `segue up`")
    guard = Guard(Bounds(answering=_ANSWERING))
    certificate, key = settings.tls_cert, settings.tls_key
    app = create_app(settings)
    config = configured(app, guard, finish_s=_FINISH_S, lifespan="on", certificate=certificate, key=key)
    server = Unsignalled(config)
    with _listener(settings.host, settings.api_port) as listener, _signals(server):
        running = asyncio.create_task(server.serve(sockets=[listener]))
        watching = asyncio.create_task(guard.watch())
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            server.should_exit = True
            await running
            raise
        finally:
            watching.cancel()


def _listener(host: str, port: int) -> socket.socket:
    try:
        return listening(host, port)
    except OSError as error:
        raise Broken(
            f"the API cannot listen on {host}:{port} ({error.strerror}); stop what does, or set SEGUE_API_PORT"
        ) from error


@contextmanager
def _signals(server: uvicorn.Server) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop)
    except (RuntimeError, ValueError):
        # Not in the main thread, where signals never arrive: whoever runs us there ends us by cancelling.
        yield
        return
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
