"""A real Prometheus that reads what a test shows it, ten times a second."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from controller.core.errors import Unavailable
from controller.observe.counting import STARTED
from controller.outside.series import Prometheus
from controller.parts.prometheus import Prometheus as Server
from controller.parts.prometheus import start_prometheus
from tests.observe.exporter import Exporter, Gauges

Settled = Callable[..., Awaitable[int]]
"""Takes the name of a series that is shown now; by default the gateway's."""


@pytest.fixture
def exporter() -> Exporter:
    """A gateway's metrics; not answering before it is entered."""
    return Exporter()


@pytest.fixture
def gauges() -> Iterator[Gauges]:
    """Anything else that shows a number."""
    with Gauges() as shown:
        yield shown


@pytest.fixture
def server(tmp_path: Path, exporter: Exporter, gauges: Gauges) -> Iterator[Server]:
    """A Prometheus that reads both, when they are there, and believes an instance that is shown."""
    targets = json.dumps([f"127.0.0.1:{one.port}" for one in (exporter, gauges)])
    config = (
        "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
        f"scrape_configs: [{{job_name: segue, honor_labels: true, static_configs: [{{targets: {targets}}}]}}]\n"
    )
    with start_prometheus(tmp_path / "prometheus", config) as running:
        yield running


@pytest.fixture
async def prometheus(server: Server) -> AsyncIterator[Prometheus]:
    """Its API."""
    async with Prometheus(server.url) as api:
        yield api


@pytest.fixture
def settled(prometheus: Prometheus) -> Settled:
    """Wait until all that was shown so far is read; returns a time after that, milliseconds since 1970."""

    async def wait(name: str = STARTED) -> int:
        asked_ms = time.time_ns() // 1_000_000
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            now_ms = time.time_ns() // 1_000_000
            try:
                found = await prometheus.samples(name, now_ms, 5_000, timeout_s=5)
            except Unavailable:
                found = ()
            if any(at_ms > asked_ms for one in found for at_ms, _ in one.samples):
                return now_ms
            await asyncio.sleep(0.02)
        raise AssertionError("Prometheus did not read the exporter within 20 s")

    return wait
