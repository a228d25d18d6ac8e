"""A client that costs next to nothing, the same for a gateway and for Triton: one kept connection, one clock."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import httptools

from controller.core.names import Release
from controller.gateway.endpoint import question
from tests.gateway.stage import SPEECH

TEXT: Final = "It was the best of times, it was the worst of times."
AUDIO_BYTES: Final = 2 * 2 * 44_100
"""Two seconds of int16."""


@dataclass(frozen=True, slots=True)
class Heard:
    """
    One answer. headers: by name in lower case. status: HTTP's, 0 when the connection ended before the answer did.

    first_s, whole_s: from asking to the first and to the last byte of the body.
    """

    status: int
    headers: Mapping[bytes, bytes]
    body_bytes: int
    first_s: float
    whole_s: float


def speech(service: str, user: str, *, stream: bool = False) -> bytes:
    """Return the request of a user for PCM, as it goes to a gateway."""
    wanted = {"model": service, "input": TEXT, "response_format": "pcm", "stream": stream}
    return _post(SPEECH, json.dumps(wanted).encode(), {"content-type": "application/json", "x-segue-user": user})


def inference(release: Release) -> bytes:
    """Return the request for the same as it goes to Triton."""
    return _post(*question(release.ensemble, TEXT, 1.0))


def _post(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
    return head.encode() + body


class Line(asyncio.Protocol):
    """A connection that is asked one thing at a time. ended: whoever is at the other end has closed it."""

    def __init__(self) -> None:
        self.ended = False
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._begun_s = self._first_s = 0.0
        self._headers: dict[bytes, bytes] = {}
        self._body_bytes = 0
        self._answer: asyncio.Future[Heard] | None = None

    async def ask(self, message: bytes) -> Heard:
        """Send a whole request and return when the whole answer is there, or the connection has ended."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._headers, self._body_bytes, self._first_s = {}, 0, 0.0
        self._begun_s = time.perf_counter()
        self._transport.write(message)
        return await self._answer

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be called by the event loop."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Be called by the event loop."""
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Be called by the event loop."""
        self.ended = True
        self._end(0)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Be called by the parser."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """Be called by the parser."""
        if not self._body_bytes:
            self._first_s = time.perf_counter() - self._begun_s
        self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Be called by the parser."""
        self._end(self._parser.get_status_code())

    def _end(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            whole_s = time.perf_counter() - self._begun_s
            self._answer.set_result(Heard(status, self._headers, self._body_bytes, self._first_s, whole_s))


async def connected(address: str) -> Line:
    """Connect to host:port."""
    host, _, port = address.rpartition(":")
    _, line = await asyncio.get_running_loop().create_connection(Line, host, int(port))
    return line


@asynccontextmanager
async def line_to(address: str) -> AsyncIterator[Line]:
    """Connect to host:port, until the block ends."""
    line = await connected(address)
    try:
        yield line
    finally:
        line.close()
