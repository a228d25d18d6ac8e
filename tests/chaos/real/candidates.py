"""A candidate that answers whatever it is asked with what is no answer: noise, half an answer, or a wrong one."""

import itertools
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.chaos.real.stack import Stack

_SPAN_S: Final = 3.0

_ANSWERS: Final = (
    b"\x00\xff\x13\x37" * 64,
    b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nnot so much",
    b'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"out":',
    b"HTTP/1.1 200 OK\r\ninference-header-content-length: 99999\r\ncontent-length: 4\r\n\r\n\x00\x01\x02\x03",
    b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
    b"",
)


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        self.request.recv(65_536)
        self.request.sendall(next(self.server.answers))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    answers = itertools.cycle(_ANSWERS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of who left before the answer."""


@contextmanager
def garbage(stack: Stack, name: str) -> Iterator[None]:
    """Lead a link to Triton to nobody of sense for a while."""
    with _server() as address, stack.toxiproxy.instead(f"{name}.triton", address):
        yield
        time.sleep(_SPAN_S)


@contextmanager
def _server() -> Iterator[str]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="garbage")
        thread.start()
        host, port = server.server_address[:2]
        try:
            yield f"{host!s}:{port}"
        finally:
            server.shutdown()
            thread.join()
