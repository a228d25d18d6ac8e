"""A real HTTP server that answers as a test likes: late, never, or with anything at all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from controller.parts.ports import LOOPBACK

Answer = Callable[[BaseHTTPRequestHandler, threading.Event], object]
"""Answers one request; the event says that the test is over."""


@contextmanager
def neighbour(answer: Answer) -> Iterator[str]:
    """Run a server and give its address."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            with suppress(OSError):  # the other side had enough
                answer(self, ended)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), name="neighbour").start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
