"""Bare ASGI: a body read within a limit, an answer sent, a caller's leaving noticed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Self

from controller.core.errors import SegueError
from controller.gateway.encode import Samples
from controller.gateway.problem import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Coroutine[Any, Any, Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON: Headers = ((b"content-type", b"application/json"),)


class CallerLeft(SegueError):
    """The connection ended before the answer did."""


async def read_body(receive: Receive, most_bytes: int) -> bytes:
    """Return the request's body. Raises Problem 413 above most_bytes, and CallerLeft."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise CallerLeft("the caller left while sending")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > most_bytes:
            raise Problem(413, f"the body is larger than {most_bytes} bytes; send less", code="body_too_large")
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def answer(send: Send, status: int, headers: Headers, body: Samples) -> None:
    """Send a whole answer."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def answer_problem(send: Send, problem: Problem) -> None:
    """Send a refusal or a failure."""
    await answer(send, problem.status, [*JSON, *problem.headers], problem.body())


def cookies(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Read the `cookie` header; pairs that are none are passed over."""
    pairs = (pair.partition("=") for pair in headers.get(b"cookie", b"").decode("latin-1").split(";"))
    return {name.strip(): value.strip().strip('"') for name, sign, value in pairs if sign}


class CallerPresent:
    """`async with` a body that is cancelled when the caller leaves, and then raises CallerLeft."""

    def __init__(self, receive: Receive) -> None:
        """receive: of a request whose body was read, so that its next message can only be the end."""
        self._receive = receive
        self._left = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watch = asyncio.create_task(self._receive())
        self._watch.add_done_callback(self._on_end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._watch.remove_done_callback(self._on_end)
        self._watch.cancel()
        if self._left and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise CallerLeft("the caller left before the answer was complete") from None

    def _on_end(self, watch: "asyncio.Future[Message]") -> None:
        if not watch.cancelled():
            self._left = True
            self._task.cancel()
