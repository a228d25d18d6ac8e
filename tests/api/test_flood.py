"""Ten thousand connections that send a byte now and then: alerts are taken meanwhile, in little memory."""

import asyncio
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from controller.settings import Settings
from tests.api.test_alertmanager import alert, webhook
from tests.api.world import ALERTMANAGER, TOKENS, Api

CONNECTIONS: Final = 10_000
AT_ONCE: Final = 100
MOST_GROWTH_BYTES: Final = 256 * 2**20
HEAD: Final = b"POST /alertmanager HTTP/1.1\r\nhost: x\r\nx-slow: "


async def test_alerts_are_taken_through_a_flood_of_slow_connections(settings: Settings) -> None:
    """While they open, while they dribble, and when they have been ended: every alert is answered 202."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    async with alone(settings) as (api, pid):
        before_bytes = memory_bytes(pid)
        flood: list[socket.socket] = []
        try:
            while len(flood) < CONNECTIONS:
                flood += [socket.create_connection(("127.0.0.1", settings.api_port)) for _ in range(AT_ONCE)]
                for slow in flood[-AT_ONCE:]:
                    slow.send(HEAD)
                await taken(api, len(flood))
            for slow in flood:
                dribble(slow)
            await taken(api, 0)
            assert memory_bytes(pid) - before_bytes < MOST_GROWTH_BYTES
        finally:
            for slow in flood:
                slow.close()


async def taken(api: Api, number: int) -> None:
    """Send an alert as Alertmanager does, over a connection of its own; it is taken."""
    async with httpx.AsyncClient(base_url=api.client.base_url, timeout=5) as client:
        sending = Api(client, api.settings)
        answer = await sending.post("/alertmanager", webhook(alert("flooded", fingerprint=str(number))), ALERTMANAGER)
    assert answer.status_code == 202, answer.text


def dribble(slow: socket.socket) -> None:
    """Send one byte more, if the other end has not had enough of it."""
    try:
        slow.send(b"x")
    except ConnectionError:
        return


@asynccontextmanager
async def alone(settings: Settings) -> AsyncIterator[tuple[Api, int]]:
    """Run the API in a process of its own; give it and its id."""
    environment = {
        "SEGUE_DATA": str(settings.data),
        "SEGUE_KAFKA": settings.kafka,
        "SEGUE_API_PORT": str(settings.api_port),
        "SEGUE_TOKENS": ",".join(f"{role}:{token}" for token, role in TOKENS.items()),
        "SEGUE_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller.cli", "run", "api", env={**os.environ, **environment}
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.api_port}", timeout=20) as client:
            api = Api(client, settings)
            async with asyncio.timeout(20):
                while True:
                    try:
                        if (await client.get("/ready")).status_code == 200:
                            break
                    except httpx.TransportError:
                        pass
                    await asyncio.sleep(0.05)
            yield api, process.pid
    finally:
        process.terminate()
        await process.wait()


def memory_bytes(pid: int) -> int:
    """Return what a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
