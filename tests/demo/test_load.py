"""The demo's users: as many as the service keeps up with."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from controller.demo.load import Load
from controller.parts.ports import LOOPBACK, free_port


class Busy:
    """A service that takes ten times as long for an answer as the next one takes to ask."""

    def __init__(self) -> None:
        self.url = ""
        self.inside = self.most = self.answered = 0
        self.enough = asyncio.Event()

    async def speak(self, request: web.Request) -> web.Response:
        """Answer after a while, and count who waits at a time."""
        await request.read()
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.05)
        self.inside -= 1
        self.answered += 1
        if self.answered == 20:
            self.enough.set()
        return web.Response(body=b"\0\0", headers={"x-segue-release": "1.4.0"})


@pytest.fixture
async def busy() -> AsyncIterator[Busy]:
    """A service that is too busy for its users."""
    service, app, port = Busy(), web.Application(), free_port()
    app.router.add_post("/v1/audio/speech", service.speak)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port).start()
    service.url = f"http://{LOOPBACK}:{port}"
    yield service
    await runner.cleanup()


async def test_no_more_wait_at_a_time_than_a_calm_machine_ever_lets_wait(busy: Busy) -> None:
    """Whoever comes while so many wait begins when one of them was answered; all are answered in the end."""
    load, stop = Load(busy.url, "hibari", rate_per_s=200, at_once=3), asyncio.Event()
    users = asyncio.create_task(load.run(stop))
    async with asyncio.timeout(20):
        await busy.enough.wait()
        stop.set()
        await users
    assert busy.most == 3
    assert not any(utterance.failed for utterance in load.spoken)
