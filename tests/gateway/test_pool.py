"""Kept connections: used again, replaced when they ended, and never believed when they break off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from controller.gateway.pool import Pool
from controller.parts.ports import LOOPBACK

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: Value\r\n\r\nok"


@asynccontextmanager
async def server(answers: list[bytes], *, close_after: bool) -> AsyncIterator[tuple[Pool, list[int]]]:
    """Answer each request by the next of `answers`; give a pool to it, and the connections' requests in order."""
    connections: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        number = len(connections) - 1
        while answers:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            connections[number] += 1
            writer.write(answers.pop(0))
            await writer.drain()
            if close_after:
                break
        writer.close()

    listening = await asyncio.start_server(handle, LOOPBACK, 0)
    pool = Pool(LOOPBACK, listening.sockets[0].getsockname()[1])
    async with listening:
        yield pool, connections
        pool.close()
        await asyncio.sleep(0.01)


async def test_connection_is_used_again() -> None:
    """Three POSTs one after another take one connection."""
    async with server([WHOLE] * 3, close_after=False) as (pool, connections):
        for _ in range(3):
            answer = await pool.post("/", {"A": "b"}, b"body", 5)
            assert (answer.status, answer.headers[b"x-name"], answer.body) == (200, b"Value", b"ok")
        assert connections == [3]


async def test_connection_that_ended_while_idle_is_replaced() -> None:
    """A server that hangs up after each answer costs no POST."""
    async with server([WHOLE] * 3, close_after=True) as (pool, connections):
        for _ in range(3):
            assert (await pool.post("/", {}, b"", 5)).body == b"ok"
        assert connections == [1, 1, 1]


async def test_answer_in_chunks_is_joined() -> None:
    """A chunked answer is one body."""
    chunked = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    async with server([chunked], close_after=False) as (pool, _):
        answer = await pool.post("/", {}, b"", 5)
        assert (answer.status, answer.body) == (500, b"abc")


@pytest.mark.parametrize(
    "broken", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"no http at all\r\n\r\n", b""]
)
async def test_answer_that_breaks_off_is_an_error(broken: bytes) -> None:
    """Half an answer, no HTTP, or nothing on a fresh connection is the server's failure, and is not asked twice."""
    async with server([broken, WHOLE], close_after=True) as (pool, connections):
        with pytest.raises(ConnectionError):
            await pool.post("/", {}, b"", 5)
        assert connections == [1]


async def test_post_that_is_not_answered_in_time_ends_its_connection() -> None:
    """An answer that comes too late is never taken for the answer to the next one."""
    async with server([b"", WHOLE], close_after=False) as (pool, connections):
        with pytest.raises(TimeoutError):
            await pool.post("/", {}, b"", 0.05)
        assert (await pool.post("/", {}, b"", 5)).body == b"ok"
        assert connections == [1, 1]


async def test_cancelled_post_ends_its_connection() -> None:
    """The answer to a POST that was given up is never taken for the answer to the next one."""
    async with server([b"", WHOLE], close_after=False) as (pool, connections):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.post("/", {}, b"", 5)
        assert (await pool.post("/", {}, b"", 5)).body == b"ok"
        assert connections == [1, 1]
