"""What the gateway's tests share: tones as releases, tables of them, a gateway on a port, and waiting."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from controller.core.names import Release
from controller.core.routing import Arm, Role, RoutingTable, Segment
from controller.gateway.admission import Limits
from controller.gateway.app import Parts, make_app
from controller.gateway.encode import Encoders
from controller.gateway.engine import Engine
from controller.gateway.failures import FAILURES_PATH
from controller.gateway.metrics import Metrics
from controller.gateway.speak import PATIENCE_S
from controller.gateway.tables import Tables
from controller.gateway.unheard import Unheard
from controller.parts.ports import LOOPBACK, free_port

SERVICE = "tone"
SPEECH = "/v1/audio/speech"
VIEWER_S = "a-viewer-s-token-123"
TOKENS = {VIEWER_S: "viewer", "an-alertmanager-s-1": "alertmanager"}

Tones = Mapping[str, Release]


def table(
    epoch: int,
    *,
    stable: Release,
    candidate: Release | None = None,
    weight_bp: int = 0,
    previous: Release | None = None,
) -> RoutingTable:
    """Return a table that gives the candidate weight_bp; VIPs get the candidate in any case."""
    arms = [Arm(Role.STABLE, stable, 10_000 - weight_bp)]
    if candidate:
        arms.append(Arm(Role.CANDIDATE, candidate, weight_bp))
    if previous:
        arms.append(Arm(Role.PREVIOUS, previous, 0))
    return RoutingTable(SERVICE, epoch, "salt", tuple(arms), (Segment("vip", (("tier", "vip"),), 10_000),))


@dataclass
class Known:
    """A follower that has read its topic: tables come from the test."""

    ready: bool = True
    source: str = "kafka"

    def age_s(self) -> float:
        """Return the age of a table heard just now."""
        return 0.0


@dataclass(frozen=True)
class Gateway:
    """A gateway on a port: its tables to swap, its metrics to read, a client to ask with."""

    tables: Tables
    metrics: Metrics
    http: aiohttp.ClientSession
    copies: Unheard

    async def say(self, text: str = "Hello there.", **more: object) -> tuple[aiohttp.ClientResponse, bytes]:
        """Speak; keywords are fields of the body, but `headers`."""
        headers = more.pop("headers", None)
        body = {"model": SERVICE, "input": text, "response_format": "pcm", **more}
        async with self.http.post(SPEECH, json=body, headers=headers) as answer:  # type: ignore[arg-type]  # a mapping, from the tests below
            return answer, await answer.read()

    async def failures(self, release: str, token: str = VIEWER_S) -> tuple[int, Any]:
        """Ask which attempts at a release failed last; return the status and the answer."""
        named = {"service": SERVICE, "release": release}
        headers = {"authorization": f"Bearer {token}"}
        async with self.http.get(FAILURES_PATH, params=named, headers=headers) as answer:
            return answer.status, await answer.json()

    def count(self, name: str, **labels: str) -> float:
        """Return a series' value as Prometheus would read it, 0 when nothing was counted yet."""
        wanted = {"service": SERVICE, **labels}
        for family in text_string_to_metric_families(self.metrics.text().decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels == wanted:
                    return sample.value
        return 0


@asynccontextmanager
async def gateway(
    engine: Engine,
    *tables: RoutingTable,
    timeout_s: float = 10,
    limits: Limits | None = None,
    patience_s: float = PATIENCE_S,
    late_s: float | None = None,
) -> AsyncIterator[Gateway]:
    """Serve these tables from a free port, without Kafka."""
    metrics = Metrics()
    known = Tables(metrics, tables)
    encoders = Encoders()
    copies, late = Unheard(), Unheard()
    parts = Parts(
        known,
        Known(),
        engine,
        metrics,
        encoders,
        timeout_s,
        limits,
        copies,
        patience_s,
        tokens=TOKENS,
        late_s=late_s,
        late=late,
    )
    app = make_app(parts)
    port = free_port()
    config = uvicorn.Config(app, LOOPBACK, port, http="httptools", ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        # "unsafe": a jar that keeps cookies of an address without a name, as browsers do.
        jar, connector = aiohttp.CookieJar(unsafe=True), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(f"http://{LOOPBACK}:{port}", connector=connector, cookie_jar=jar) as http:
            yield Gateway(known, metrics, http, copies)
    finally:
        server.should_exit = True
        await serving
        await copies.end()
        await late.end()
        encoders.close()


async def until(true: Callable[[], bool], deadline_s: float = 10) -> None:
    """Wait until it is true; fail after deadline_s."""
    deadline = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < deadline, f"it did not come true within {deadline_s:g} s"
        await asyncio.sleep(0.01)
