"""The API as a process: it says why it cannot start, and ends when it is asked to."""

import signal
import subprocess
import sys
import time
from dataclasses import replace

import httpx
import pytest

from controller.api import serve
from controller.api.app import create_app
from controller.core.errors import Broken, Malformed
from controller.settings import Settings
from tests.api.world import TOKENS, Api

PROGRAM = """
import asyncio
from controller.api import serve
from controller.settings import read_settings
asyncio.run(serve(read_settings()))
"""


async def test_taken_port_is_told(api: Api) -> None:
    """Two APIs on one port: the second says which port, and which setting changes it."""
    with pytest.raises(Broken, match=rf"127\.0\.0\.1:{api.settings.api_port} .* set SEGUE_API_PORT"):
        await serve(api.settings)


async def test_missing_address_of_kafka_is_told(settings: Settings) -> None:
    """Without a Kafka to speak to there is nothing to start."""
    with pytest.raises(Malformed, match="SEGUE_KAFKA is empty"):
        await serve(replace(settings, kafka=""))


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/services/"), ("POST", "/alertmanager/")])
async def test_nobody_is_sent_elsewhere(settings: Settings, method: str, path: str) -> None:
    """An address with a slash too many is none: a redirect would name a host and a scheme that the asker brought."""
    transport = httpx.ASGITransport(app=create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="https://segue.example") as client:
        answer = await client.request(method, path, headers={"host": "elsewhere.example"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_api_ends_in_order_when_asked(settings: Settings, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end it at once, with exit code 0, also while Kafka is away."""
    environment = {
        "SEGUE_DATA": str(settings.data),
        "SEGUE_KAFKA": "127.0.0.1:1",
        "SEGUE_API_PORT": str(settings.api_port),
        "SEGUE_TOKENS": ",".join(f"{role}:{token}" for token, role in TOKENS.items()),
    }
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            _alive(f"http://127.0.0.1:{settings.api_port}/health")
            process.send_signal(number)
            assert process.wait(10) == 0
        finally:
            process.kill()
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Traceback" not in said
    assert not [token for token in TOKENS if token in said]


def _alive(url: str, deadline_s: float = 20) -> None:
    until_s = time.monotonic() + deadline_s
    while True:
        try:
            assert httpx.get(url).status_code == 200
            return
        except httpx.TransportError:
            assert time.monotonic() < until_s, f"{url} does not answer"
            time.sleep(0.05)
