"""
From an alert's POST to the gateway that serves by the new table, many times over, the bare pipeline in turn with it.

Both clocks start as the client sends. The gateway says to the millisecond since when it serves by a table.
"""

import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from kafka import KafkaProducer

from controller.bench.figures import Figure
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


MOST_MS: Final = 12.0
MOST_OF_BARE: Final = 2.0


def measure(folder: Path, store: str, database_url: str, bare_url: str, rounds: int) -> list[Figure]:
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
        posted_ms, bare_ms = asyncio.run(_roll_back(tree, services, releases[1], bare_url))
        _wait_for_weight(tree, services, releases[0])
        ways = [(posted_ms[service], *way) for service, way in zip(services, _ways(tree, services), strict=True)]
    ours_ms = [way[-1] - way[0] for way in ways]
    return _figures(store, _quantiles(ours_ms), _quantiles(bare_ms), _hops(ways))


def _figures(store: str, ours: Sequence[float], bare: Sequence[float], hops: str) -> list[Figure]:
    figures = []
    for place, name in enumerate(("p50", "p99")):
        floor = f"bare pipeline {bare[place]:.1f} ms"
        most = MOST_MS if name == "p50" else None
        told = f"{floor}; {hops}" if name == "p50" else floor
        figures.append(Figure(store, f"alert posted to gateway applied, {name}", ours[place], "ms", most, told=told))
        times = ours[place] / bare[place]
        figures.append(Figure(store, f"the same, of the bare pipeline's {name}", times, "times", most=MOST_OF_BARE))
    return figures


def _hops(ways: Sequence[Sequence[float]]) -> str:
    names = ("received", "in Kafka", "table published", "applied")
    medians = [statistics.median(way[hop + 1] - way[hop] for way in ways) for hop in range(len(names))]
    return "medians to " + ", ".join(f"{name} {ms:.0f}" for name, ms in zip(names, medians, strict=True))


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


async def _roll_back(
    tree: Tree, services: Sequence[str], release: Release, bare_url: str
) -> tuple[dict[str, float], list[float]]:
    headers = {"authorization": f"Bearer {tree.tokens.of('alertmanager')}"}
    posted_ms, bare_ms = dict[str, float](), list[float]()
    async with (
        BarePipeline(tree.kafka, bare_url) as bare,
        httpx.AsyncClient(base_url=tree.api_url, headers=headers) as alertmanager,
    ):
        for warm in range(5):
            await bare.once_ms(f"warm-{warm}")
        for service in services:
            bare_ms.append(await bare.once_ms(service))
            await asyncio.sleep(0.05)
            posted_ms[service] = time.time_ns() // 1_000_000
            response = await alertmanager.post("/alertmanager", json=_webhook(service, release))
            assert response.status_code == 202, response.text
            await asyncio.sleep(0.1)
    return posted_ms, bare_ms


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
