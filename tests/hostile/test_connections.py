"""Connections that are slow, many, or endless, on a real server: each is ended, and none that is being answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from controller.connections import Bounds, Guard, configured, listening
from controller.parts.ports import LOOPBACK, free_port

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
SOON = Bounds(head_s=0.1, body_s=0.1, idle_s=0.1)


@dataclass(frozen=True)
class Server:
    """A server whose answers wait for `go`. asked: how many requests it has begun to answer."""

    port: int
    go: asyncio.Event
    asked: list[str]
    connections: list["Connection"]

    async def connect(self, sent: bytes = b"") -> "Connection":
        """Connect, and send something at once."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        writer.write(sent)
        await writer.drain()
        self.connections.append(Connection(reader, writer))
        return self.connections[-1]

    async def until_asked(self, count: int) -> None:
        """Wait until so many requests have come in."""
        async with asyncio.timeout(5):
            while len(self.asked) < count:  # noqa: ASYNC110  # the server's list tells nobody
                await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Connection:
    """Our end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, sent: bytes) -> None:
        """Send something more."""
        self.writer.write(sent)
        await self.writer.drain()

    async def status(self) -> int:
        """Return the status of an answer that is read whole."""
        async with asyncio.timeout(5):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await self.reader.readexactly(int(length.split(b":")[1]))
        return int(head.split(b" ")[1])

    async def until_ended(self) -> bytes:
        """Wait for the other end to end it; return what it said before."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def serving(bounds: Bounds, *, at_once: bool = True) -> AsyncIterator[Server]:
    """Serve, within these bounds, an application that reads bodies and says "yes"; at_once: it waits for no `go`."""
    server = Server(free_port(), asyncio.Event(), [], [])
    if at_once:
        server.go.set()

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        server.asked.append(scope["path"])
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
        await server.go.wait()
        body = b"y" * 20_000_000 if scope["path"] == "/much" else b"yes"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    guard = Guard(bounds)
    running = uvicorn.Server(configured(app, guard, finish_s=5))
    listener = listening(LOOPBACK, server.port)
    tasks = [asyncio.create_task(running.serve([listener])), asyncio.create_task(guard.watch())]
    try:
        async with asyncio.timeout(5):
            while not running.started:  # noqa: ASYNC110  # uvicorn tells nobody
                await asyncio.sleep(0.01)
        yield server
    finally:
        server.go.set()
        for connection in server.connections:
            connection.writer.transport.abort()
        running.should_exit = True
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        listener.close()


def test_what_a_server_bears_is_what_is_promised() -> None:
    """docs/reliability.md says so; an API answers fewer at once."""
    assert Bounds() == Bounds(16_000, 2_000, head_s=10, body_s=30, idle_s=80, head_bytes=64 * 1024)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-a: b",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        GET,
        GET + b"\r\n",
        GET + b"GET /aga",
        b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=[
        "nothing",
        "line",
        "head",
        "body",
        "chunks",
        "no second request",
        "line breaks",
        "half a second",
        "takes nothing",
    ],
)
async def test_who_does_not_go_on_is_ended(sent: bytes) -> None:
    """Whatever is missing of a request, of the next one, or of taking an answer: it is not waited for without end."""
    async with serving(SOON) as server:
        connection = await server.connect(sent)
        await connection.until_ended()


async def test_byte_by_byte_is_no_way_to_stay() -> None:
    """The time is that of the whole head: another byte before it runs out gains nothing."""
    async with serving(SOON) as server:
        connection = await server.connect(b"GET / HTTP/1.1\r\n")
        ended = asyncio.create_task(connection.until_ended())
        while not ended.done():
            connection.writer.write(b"x")
            await asyncio.sleep(0.02)


async def test_answer_may_take_its_time() -> None:
    """A connection that waits for us is left alone, however long we take."""
    async with serving(SOON, at_once=False) as server:
        connection = await server.connect(GET)
        await server.until_asked(1)
        # Ended when it has rested: that shows that the time of the first one went by.
        resting = await server.connect()
        await resting.until_ended()
        server.go.set()
        assert await connection.status() == 200


async def test_endless_head_is_refused() -> None:
    """A head that has no end is refused with a reason as soon as it is too long, and nothing more of it is kept."""
    async with serving(Bounds()) as server:
        connection = await server.connect(b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ")
        for _ in range(30):
            await connection.send(b"x" * 10_000)
        said = await connection.until_ended()
        assert said.startswith(b"HTTP/1.1 431") or said == b""
        assert await (await server.connect(GET)).status() == 200


@pytest.mark.parametrize("parts", [1, 2, 9])
async def test_a_head_that_ends_is_refused_when_it_is_too_long(parts: int) -> None:
    """However it comes, nothing of it reaches the app; one that is just short enough is answered."""
    for size, status in ((65_400, 200), (65_700, 431)):
        async with serving(Bounds()) as server:
            head = b"GET / HTTP/1.1\r\nhost: x\r\nx-a: " + b"x" * size + b"\r\n\r\n"
            connection = await server.connect()
            for part in range(parts):
                await connection.send(head[len(head) * part // parts : len(head) * (part + 1) // parts])
            assert await connection.status() == status
            assert len(server.asked) == (status == 200)


async def test_a_large_body_is_no_head() -> None:
    """Also when the end of a short head comes in three parts, the last with all of the body; twice."""
    async with serving(Bounds()) as server:
        connection = await server.connect()
        for number in (1, 2):
            await connection.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n")
            await asyncio.sleep(0.05)
            await connection.send(b"\r")
            await asyncio.sleep(0.05)
            await connection.send(b"\n" + b"x" * 200_000)
            await server.until_asked(number)
            assert await connection.status() == 200


async def test_newcomer_is_given_the_place_of_who_rested_longest() -> None:
    """When there are too many connections, one that sends nothing makes room, and never one that is being answered."""
    async with serving(Bounds(connections=50), at_once=False) as server:
        answered = await server.connect(GET)
        await server.until_asked(1)
        idle = [await server.connect() for _ in range(200)]
        newcomer = await server.connect(GET)
        await server.until_asked(2)
        await idle[0].until_ended()
        server.go.set()
        assert await answered.status() == 200
        assert await newcomer.status() == 200


async def test_more_than_can_be_answered_are_told_so() -> None:
    """Beyond the most that is answered at once there is a 503 with a reason, at once; the others are answered."""
    async with serving(Bounds(answering=3), at_once=False) as server:
        first = [await server.connect(GET) for _ in range(3)]
        await server.until_asked(3)
        crowded = await server.connect(GET)
        assert await crowded.status() == 503
        server.go.set()
        assert [await one.status() for one in first] == [200, 200, 200]
        await crowded.send(GET)
        assert await crowded.status() == 200
