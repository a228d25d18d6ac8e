"""
From an alert's POST to the gateway that serves by the new table, many times over, the bare pipeline in turn with it.

Both clocks start as the client sends. The gateway says to the millisecond since when it serves by a table.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from controller.bench.figures import Figure
from controller.core.names import Release
from controller.demo.hops import read_topic
from controller.settings import Settings
from controller.supervise.plan import Part
from controller.supervise.tree import Tree, start_tree
from controller.wire.codec import table_from
from controller.wire.envelope import decode
from controller.wire.topics import Topic
from tests.bench.bare import BarePipeline
from tests.bench.services import releases, request, routes_of, wait_for_weight, webhook

MOST_MS: Final = 12.0
MOST_OF_BARE: Final = 2.0


def measure(folder: Path, store: str, database_url: str, bare_url: str, rounds: int) -> list[Figure]:
    """Start Segue on the store, roll `rounds` services back one after another, and return the figures."""
    repository = folder / "models"
    both = releases(repository)
    settings = Settings(data=folder / "segue", repository=repository, database_url=database_url, probe_every_s=30)
    with start_tree(settings, parts={Part.KAFKA, Part.TRITON}, free_ports=True) as tree:
        services = [f"bench-{number:03d}" for number in range(rounds)]
        for release in both:
            request(tree, services, release)
            wait_for_weight(tree, services, release)
        posted_ms, bare_ms = asyncio.run(roll_back(tree, services, both[1], bare_url))
        wait_for_weight(tree, services, both[0])
        ways = [(posted_ms[service], *way) for service, way in zip(services, ways_of(tree, services), strict=True)]
    ours_ms = [way[-1] - way[0] for way in ways]
    return _figures(store, quantiles(ours_ms), quantiles(bare_ms), hops(ways))


def _figures(store: str, ours: Sequence[float], bare: Sequence[float], way: str) -> list[Figure]:
    figures = []
    for place, name in enumerate(("p50", "p99")):
        floor = f"bare pipeline {bare[place]:.1f} ms"
        most = MOST_MS if name == "p50" else None
        told = f"{floor}; {way}" if name == "p50" else floor
        figures.append(Figure(store, f"alert posted to gateway applied, {name}", ours[place], "ms", most, told=told))
        times = ours[place] / bare[place]
        figures.append(Figure(store, f"the same, of the bare pipeline's {name}", times, "times", most=MOST_OF_BARE))
    return figures


def hops(ways: Sequence[Sequence[float]]) -> str:
    """Say how long each hop took in the middle."""
    names = ("received", "in Kafka", "table published", "applied")
    medians = [statistics.median(way[hop + 1] - way[hop] for way in ways) for hop in range(len(names))]
    return "medians to " + ", ".join(f"{name} {ms:.0f}" for name, ms in zip(names, medians, strict=True))


async def roll_back(
    tree: Tree, services: Sequence[str], release: Release, bare_url: str
) -> tuple[dict[str, float], list[float]]:
    """Return when each alert was posted, and how long the bare pipeline took in turn with it, milliseconds."""
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
            response = await alertmanager.post("/alertmanager", json=webhook(service, release))
            assert response.status_code == 202, response.text
            await asyncio.sleep(0.1)
    return posted_ms, bare_ms


def ways_of(tree: Tree, services: Sequence[str]) -> list[tuple[float, float, float, float]]:
    """Return, service by service, when the alert was received, in Kafka, its table published, and applied."""
    received, published = {}, {}
    for message in read_topic(tree.kafka, "", Topic.ALERTS):
        data = decode(message.value, message.headers).data
        received[data["service"]] = (float(str(data["received_at_ms"])), message.at_ms)
    for message in read_topic(tree.kafka, "", Topic.TABLE):
        table = table_from(message.value)
        published[table.service, table.epoch] = message.at_ms
    routes, applied = routes_of(tree)
    lasts = [(service, routes[service].epoch) for service in services]
    return [(*received[service], published[service, epoch], applied[service, epoch]) for service, epoch in lasts]


def quantiles(values_ms: Sequence[float]) -> tuple[float, float]:
    """Return p50 and p99."""
    cuts = statistics.quantiles(values_ms, n=100, method="inclusive")
    return cuts[49], cuts[98]
