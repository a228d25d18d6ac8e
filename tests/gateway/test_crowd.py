"""Ten thousand connections that send a byte now and then: people are spoken to meanwhile, and in little memory."""

import asyncio
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from controller.parts.ports import LOOPBACK
from controller.settings import Settings
from tests.api.test_flood import AT_ONCE, CONNECTIONS, MOST_GROWTH_BYTES, dribble, memory_bytes
from tests.gateway.stage import SERVICE, SPEECH, Tones, table
from tests.gateway.test_following import publishing

NEW_EACH_TIME: Final = httpx.Limits(max_keepalive_connections=0)
HEAD: Final = f"POST {SPEECH} HTTP/1.1\r\nhost: x\r\nx-slow: ".encode()


async def test_people_are_answered_through_a_crowd_of_slow_connections(settings: Settings, tones: Tones) -> None:
    """While the crowd comes and while it dribbles, whoever asks for speech over a connection of their own is heard."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    async with publishing(settings) as publish:
        await publish(table(1, stable=tones["good"]))
    async with alone(settings) as (client, pid):
        before_bytes = memory_bytes(pid)
        crowd: list[socket.socket] = []
        try:
            while len(crowd) < CONNECTIONS:
                crowd += [socket.create_connection((LOOPBACK, settings.gateway_port)) for _ in range(AT_ONCE)]
                for slow in crowd[-AT_ONCE:]:
                    slow.send(HEAD)
                await heard(client)
            for slow in crowd:
                dribble(slow)
            await heard(client)
            assert memory_bytes(pid) - before_bytes < MOST_GROWTH_BYTES
        finally:
            for slow in crowd:
                slow.close()


async def heard(client: httpx.AsyncClient) -> None:
    """Ask for speech as somebody new does; there is audio."""
    answer = await client.post(SPEECH, json={"model": SERVICE, "input": "Hi.", "response_format": "pcm"})
    assert answer.status_code == 200, answer.text
    assert len(answer.content) > 1_000


async def routes(client: httpx.AsyncClient) -> bool:
    """Say whether the gateway is there and has the service's table."""
    try:
        return SERVICE in (await client.get("/ready")).json()["epochs"]
    except httpx.TransportError:
        return False


@asynccontextmanager
async def alone(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    """Run the gateway in a process of its own until it routes; give it and its id."""
    environment = {
        "SEGUE_DATA": str(settings.data),
        "SEGUE_KAFKA": settings.kafka,
        "SEGUE_TOPIC_PREFIX": settings.topic_prefix,
        "SEGUE_TRITON_HTTP": settings.triton_http,
        "SEGUE_GATEWAY_PORT": str(settings.gateway_port),
        "SEGUE_ROUTER": settings.router,
        "SEGUE_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller.cli", "run", "gateway", env={**os.environ, **environment}
    )
    url = f"http://{LOOPBACK}:{settings.gateway_port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=10, limits=NEW_EACH_TIME) as client:
            async with asyncio.timeout(30):
                while not await routes(client):  # noqa: ASYNC110  # another process tells nobody
                    await asyncio.sleep(0.05)
            yield client, process.pid
    finally:
        process.terminate()
        await process.wait()
