"""
HTTP connections that nobody can hold against us: whoever opens many, or sends slowly, costs others nothing.

uvicorn waits for ever for the rest of a request, keeps a head of any length, and counts connections that send nothing
among those it can serve. So here every connection that is not being answered has a time by which it must go on, and
when there are too many the one that has rested longest makes room: it is never one that is being answered.
"""

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final, Literal

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server, ServerState

from controller.core.errors import Broken

log = logging.getLogger(__name__)

_SWEEP_S: Final = 1.0
# Longer than clients keep theirs: whoever closes an idle connection first must not be us, or a POST that is just on its
# way is lost. And longer than Alertmanager waits between two notifications of one group: it then finds its connection.
_KEEP_ALIVE_S: Final = 75
_FILES_FOR_OTHERS: Final = 256
"""Of the files that a process may have open: Kafka, Triton, the database, the log."""

App = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    connections: open at once, those above make room. answering: requests under way at once, those above are told 503.

    head_s, body_s: within which a request's head, and then its body, must be there. idle_s: between two requests; more
    than uvicorn gives, which ends it in order.
    head_bytes: of one request's line and headers.
    """

    connections: int = 16_000
    answering: int = 2_000
    head_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 80.0
    head_bytes: int = 64 * 1024


class Guard:
    """Watches one server's connections while `watch` runs; give it to uvicorn as its `http`."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._most = min(bounds.connections, _files() - _FILES_FOR_OTHERS)
        # In the order in which they came to rest; each with the time by which it must go on.
        self._resting: dict[_Guarded, float] = {}
        self._refused = 0

    def __call__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None
    ) -> HttpToolsProtocol:
        """Return the protocol of a new connection."""
        return _Guarded(self, config, server_state, app_state, _loop)

    def entered(self, connection: "_Guarded") -> None:
        """Make room for a connection, if need be."""
        if len(connection.connections) > self._most and self._resting:
            self._refused += 1
            self._cut(next(iter(self._resting)))
        self.rests(connection, self.bounds.head_s)

    def rests(self, connection: "_Guarded", for_s: float) -> None:
        """Let a connection wait for its sender, so long at most."""
        self._resting.pop(connection, None)
        self._resting[connection] = connection.loop.time() + for_s

    def works(self, connection: "_Guarded") -> None:
        """Let a connection be: its request is whole, and we are the one to go on."""
        self._resting.pop(connection, None)

    async def watch(self) -> None:
        """End what has rested too long, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            now_s = loop.time()
            late = [connection for connection, until_s in self._resting.items() if until_s < now_s]
            for connection in late:
                self._cut(connection)
            if late or self._refused:
                log.info("connections were ended", extra={"late": len(late), "made_room": self._refused})
                self._refused = 0

    def end(self) -> None:
        """End whoever rests: nobody of them is being answered. Told by a process that ends."""
        for connection in [*self._resting]:
            self._cut(connection)

    def _cut(self, connection: "_Guarded") -> None:
        self._resting.pop(connection, None)
        # Not closed: whoever takes nothing would keep what is still to be sent, and so the connection, for ever.
        connection.transport.abort()


class _Guarded(HttpToolsProtocol):
    """uvicorn's connection, which tells its guard whose turn it is."""

    def __init__(self, guard: Guard, config: Config, state: ServerState, app_state: dict[str, Any], loop: Any) -> None:
        super().__init__(config, state, app_state, loop)
        self._guard = guard
        self._in_head = True
        self._in_body = False
        self._head_bytes = 0
        self._last = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn says it
        super().connection_made(transport)
        self._guard.entered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.works(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Before it is parsed: a head that is whole with this would be on its way to the app already.
        if not self._in_body and self._head_bytes + len(data) > self._guard.bounds.head_bytes and self._too_long(data):
            if not self.transport.is_closing():
                self._refuse(431, f"the request's head is longer than {self._guard.bounds.head_bytes} bytes; send less")
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            self._last = (self._last + data[-3:])[-3:]

    def _too_long(self, data: bytes) -> bool:
        """Say whether the head goes on for longer than it may; what follows its end is a body."""
        # Its end may have come in parts.
        end = (self._last + data).find(b"\r\n\r\n")
        return self._head_bytes + (len(data) if end < 0 else end) > self._guard.bounds.head_bytes

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes, self._last = True, 0, b""
        self._guard.rests(self, self._guard.bounds.head_s)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._guard.rests(self, self._guard.bounds.body_s)
        crowded = len(self.tasks) >= self._guard.bounds.answering
        self.app = _crowded if crowded else self.config.loaded_app
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body, self._head_bytes, self._last = False, 0, b""
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._guard.works(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:
            self._guard.rests(self, self._guard.bounds.idle_s)

    def _refuse(self, status: int, why: str) -> None:
        body = b'{"error": "%s"}' % why.encode()
        head = b"HTTP/1.1 %d \r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)
        self.transport.close()


class Unsignalled(Server):
    """A server that leaves signals to whoever runs it: uvicorn would raise them once more after an orderly end."""

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]  # any context manager does
        return nullcontext()


async def _crowded(_: Any, __: Any, send: Any) -> None:
    body = b'{"error": "more requests are under way than can be answered now; try again shortly"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def listening(host: str, port: int, backlog: int = 128) -> socket.socket:
    """Return a socket that listens there (port 0: on a free one). Raises OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio turns off Nagle's delay (40 ms an answer) only on sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def configured(
    app: Any,
    guard: Guard,
    *,
    finish_s: float,
    lifespan: Literal["on", "off"] = "off",
    certificate: str = "",
    key: str = "",
) -> Config:
    """
    Return how uvicorn serves an app with guarded connections, over TLS by files in PEM when they are named.

    finish_s: how long it waits at its end for what it is answering. Raises Broken when the files are no certificate and
    its key.
    """
    plain = _certified(certificate, key) is None
    return Config(
        app,
        http=guard,  # type: ignore[arg-type]  # it is called as the class that it asks for
        ws="none",
        lifespan=lifespan,
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=finish_s,  # type: ignore[arg-type]  # seconds, and nothing asks for whole ones
        ssl_certfile=None if plain else certificate,
        ssl_keyfile=None if plain else key,
    )


def _certified(certificate: str, key: str) -> ssl.SSLContext | None:
    """Return how a server speaks TLS by two files in PEM; None when none are named. Raises Broken like `configured`."""
    if not certificate and not key:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Broken(
            f"SEGUE_TLS_CERT and SEGUE_TLS_KEY name {certificate!r} and {key!r}, which are no certificate and its key "
            f"({why}); give two files in PEM, the key without a password"
        ) from error
    return context


def _files() -> int:
    """Return how many files this process may have open, after asking for as many as it may ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return most if soft == resource.RLIM_INFINITY else soft
