"""
Webhook received to gateway applied, many times over, with the bare pipeline interleaved in the same run.

Goal: p50 <= 15 ms; p99 <= 50 ms or twice the bare pipeline's p99, whichever is larger.
"""

import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from kafka import KafkaProducer

from controller.core.events import RouteApplied, RouteSet
from controller.core.names import Release
from controller.demo.hops import read_topic
from controller.settings import Settings
from controller.supervise.plan import Part
from controller.supervise.tree import Tree, start_tree
from controller.wire.codec import fact_from_message, table_from
from controller.wire.envelope import decode
from controller.wire.shape import plain
from controller.wire.topics import Topic
from tests.bench.bare import BarePipeline
from triton_models.build import build

TONE = Path(__file__).parents[1] / "models" / "tone"
SLOW_PLAN = {"name": "bench", "steps": [{"weight_bp": 1000, "hold_s": 3600}], "guard_s": 3600, "gates": []}


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds over all rounds, ours and the floor's."""

    store: str
    rounds: int
    p50_ms: float
    p99_ms: float
    bare_p50_ms: float
    bare_p99_ms: float
    hops_p50_ms: tuple[float, ...]
    """Medians: webhook to Kafka; Kafka to published table (decided, committed, relayed); table to gateway."""

    @property
    def met(self) -> bool:
        """Say whether both goals are met."""
        return self.p50_ms <= 15 and self.p99_ms <= max(50, 2 * self.bare_p99_ms)


def run(folder: Path, store: str, database_url: str, bare_url: str, rounds: int) -> Figures:
    """Start Segue on the store, roll `rounds` services back one after another, and return the figures."""
    repository = folder / "models"
    releases = [
        build(
            TONE, version, repository=repository, build_time=datetime.now(UTC), params={"voice.frequency_hz": str(hz)}
        )
        for version, hz in (("1.0.0", 440), ("1.1.0", 660))
    ]
    settings = Settings(data=folder / "segue", repository=repository, database_url=database_url, probe_every_s=30)
    with start_tree(settings, parts={Part.KAFKA, Part.TRITON}, free_ports=True) as tree:
        services = [f"bench-{number:03d}" for number in range(rounds)]
        for release in releases:
            _request(tree, services, release)
            _wait_for_weight(tree, services, release)
        bare_ms = asyncio.run(_roll_back(tree, services, releases[1], bare_url))
        _wait_for_weight(tree, services, releases[0])
        ways = _ways(tree, services)
    ours_ms = [way[-1] - way[0] for way in ways]
    hops_ms = tuple(statistics.median(way[hop + 1] - way[hop] for way in ways) for hop in range(3))
    return Figures(store, rounds, *_quantiles(ours_ms), *_quantiles(bare_ms), hops_ms)


def _request(tree: Tree, services: Sequence[str], release: Release) -> None:
    producer = KafkaProducer(bootstrap_servers=tree.kafka, acks="all")
    for service in services:
        event = {
            "specversion": "1.0",
            "type": "io.segue.rollout.requested",
            "source": "bench",
            "id": str(uuid.uuid4()),
            "data": {
                "service": service,
                "release": plain(release),
                "plan": SLOW_PLAN,
                "actor": "bench",
                "reason": "to be rolled back",
            },
        }
        producer.send(Topic.REQUESTED.value, key=service.encode(), value=json.dumps(event).encode())
    producer.flush()
    producer.close()


def _wait_for_weight(tree: Tree, services: Sequence[str], release: Release) -> None:
    """Wait until a gateway applied, for each service, the last route, and that names the release."""
    deadline = time.monotonic() + 120
    missing = set(services)
    while missing:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(missing)} services never served {release.version}, such as {min(missing)}")
        time.sleep(0.5)
        routes, applied = _routes(tree)
        missing = {
            service
            for service in services
            if service not in routes
            or release not in [arm.release for arm in routes[service].arms]
            or applied.get((service, routes[service].epoch)) is None
        }


def _routes(tree: Tree) -> tuple[dict[str, RouteSet], dict[tuple[str, int], int]]:
    routes: dict[str, RouteSet] = {}
    applied: dict[tuple[str, int], int] = {}
    for message in read_topic(tree.kafka, "", Topic.JOURNAL):
        fact, _, _ = fact_from_message(message.value)
        if isinstance(fact.event, RouteSet):
            routes[fact.stream] = fact.event
        elif isinstance(fact.event, RouteApplied):
            applied[fact.stream, fact.event.epoch] = fact.event.applied_at_ms
    return routes, applied


async def _roll_back(tree: Tree, services: Sequence[str], release: Release, bare_url: str) -> list[float]:
    headers = {"authorization": f"Bearer {tree.tokens.of('alertmanager')}"}
    bare_ms = []
    async with (
        BarePipeline(tree.kafka, bare_url) as bare,
        httpx.AsyncClient(base_url=tree.api_url, headers=headers) as alertmanager,
    ):
        for warm in range(5):
            await bare.once_ms(f"warm-{warm}")
        for service in services:
            bare_ms.append(await bare.once_ms(service))
            await asyncio.sleep(0.05)
            response = await alertmanager.post("/alertmanager", json=_webhook(service, release))
            assert response.status_code == 202, response.text
            await asyncio.sleep(0.1)
    return bare_ms


def _webhook(service: str, release: Release) -> dict[str, object]:
    alert = {
        "status": "firing",
        "labels": {
            "alertname": "BenchErrors",
            "service": service,
            "release": release.version,
            "severity": "critical",
        },
        "annotations": {"summary": "errors"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": service,
    }
    return {
        "version": "4",
        "groupKey": service,
        "status": "firing",
        "receiver": "segue",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "truncatedAlerts": 0,
        "alerts": [alert],
    }


def _ways(tree: Tree, services: Sequence[str]) -> list[tuple[float, float, float, float]]:
    """Return, service by service, when the alert was received, in Kafka, its table published, and applied."""
    received, published = {}, {}
    for message in read_topic(tree.kafka, "", Topic.ALERTS):
        data = decode(message.value, message.headers).data
        received[data["service"]] = (float(str(data["received_at_ms"])), message.at_ms)
    for message in read_topic(tree.kafka, "", Topic.TABLE):
        table = table_from(message.value)
        published[table.service, table.epoch] = message.at_ms
    routes, applied = _routes(tree)
    lasts = [(service, routes[service].epoch) for service in services]
    return [(*received[service], published[service, epoch], applied[service, epoch]) for service, epoch in lasts]


def _quantiles(values_ms: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values_ms, n=100, method="inclusive")
    return cuts[49], cuts[98]
