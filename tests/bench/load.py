"""
The way of an alert while a thousand other services roll out and 200 messages a second come in.

The others walk from step to step, each of which sets a table that the gateway reports; what comes in besides are
windows of measurements, as the observer would send them, each of which is judged. The bare pipeline is timed in turn,
beside the same load.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from controller.bench.figures import Figure
from controller.core.events import RouteSet, WindowMeasured
from controller.demo.hops import read_topic
from controller.settings import Settings
from controller.supervise.plan import Part
from controller.supervise.tree import Tree, start_tree
from controller.wire.codec import fact_from_message
from controller.wire.topics import Topic
from tests.bench.rollback import hops, quantiles, roll_back, ways_of
from tests.bench.seen import cpu_s
from tests.bench.services import releases, request, wait_for_weight
from tests.bench.windows import messages

MOST_MS: Final = 25.0
MOST_OF_BARE: Final = 3.0
OTHERS: Final = 1_000
A_SECOND: Final = 200

# Each a hold of its own, so that they take their steps one after another.
_HOLDS_S: Final = range(20, 41)
# Not before: they took their first step almost at once, and none of them takes another for the shortest hold.
_SETTLE_S: Final = 40.0
_LEAST_SENT: Final = 0.9


def measure(folder: Path, store: str, database_url: str, bare_url: str, rounds: int) -> list[Figure]:
    """Let the others roll out on the store, send messages, and roll `rounds` services back meanwhile."""
    repository = folder / "models"
    both = releases(repository)
    settings = Settings(
        data=folder / "segue",
        repository=repository,
        database_url=database_url,
        probe_every_s=30,
        # The bench sends what the observer would.
        observe_every_s=0,
    )
    with start_tree(settings, parts={Part.KAFKA, Part.TRITON}, free_ports=True) as tree:
        services = [f"bench-{number:03d}" for number in range(rounds)]
        others = [f"other-{number:04d}" for number in range(OTHERS)]
        request(tree, [*others, *services], both[0])
        wait_for_weight(tree, [*others, *services], both[0])
        request(tree, services, both[1])
        for number, hold_s in enumerate(_HOLDS_S):
            request(tree, others[number :: len(_HOLDS_S)], both[1], _ladder(hold_s))
        wait_for_weight(tree, [*others, *services], both[1])
        with messages(tree.kafka, others, A_SECOND) as sent:
            time.sleep(_SETTLE_S)
            began, sent_before, cpu_before = time.time(), sent.value, _cpu_s(tree)
            posted_ms, bare_ms = asyncio.run(roll_back(tree, services, both[1], bare_url))
            ended, sent_after, cpu_after = time.time(), sent.value, _cpu_s(tree)
        wait_for_weight(tree, services, both[0])
        ways = [(posted_ms[service], *way) for service, way in zip(services, ways_of(tree, services), strict=True)]
        cores = [f"{name} {(cpu_after[name] - cpu_before[name]) / (ended - began):.2f}" for name in cpu_after]
        load = _load(tree, began, ended, sent_after - sent_before)
        told = f"{hops(ways)}; meanwhile {load}; cores in use: {', '.join(cores)}"
    return _figures(store, quantiles([way[-1] - way[0] for way in ways]), quantiles(bare_ms), told)


def _figures(store: str, ours: Sequence[float], bare: Sequence[float], told: str) -> list[Figure]:
    p50, p99 = ours
    bare_p50, bare_p99 = bare
    return [
        Figure(
            store,
            "alert posted to gateway applied under load, p50",
            p50,
            "ms",
            most=MOST_MS,
            told=f"bare pipeline {bare_p50:.1f} ms; {told}",
        ),
        Figure(
            store, "alert posted to gateway applied under load, p99", p99, "ms", told=f"bare pipeline {bare_p99:.1f} ms"
        ),
        Figure(store, "the same, of the bare pipeline's p99", p99 / bare_p99, "times", most=MOST_OF_BARE),
    ]


def _ladder(hold_s: int) -> dict[str, object]:
    steps = [{"weight_bp": 100 * number, "hold_s": hold_s} for number in range(1, 41)]
    # Judged each time, and held up never.
    return {"name": "ladder", "steps": steps, "guard_s": 3600, "gates": [{"kind": "evidence", "dry_run": True}]}


def _cpu_s(tree: Tree) -> dict[str, float]:
    return {name: cpu_s(child.pid) for name, child in tree.children.items() if child.pid is not None}


def _load(tree: Tree, began: float, ended: float, sent: int) -> str:
    """Say what else was decided meanwhile; raises AssertionError when the load was none."""
    windows, tables, rolling = 0, 0, set[str]()
    for message in read_topic(tree.kafka, "", Topic.JOURNAL):
        fact, _, _ = fact_from_message(message.value)
        if fact.stream.startswith("other-") and began <= fact.at_ms / 1000 <= ended:
            windows += isinstance(fact.event, WindowMeasured)
            tables += isinstance(fact.event, RouteSet)
            rolling.add(fact.stream)
    took_s = ended - began
    assert sent >= _LEAST_SENT * A_SECOND * took_s, f"only {sent / took_s:.0f} messages a second were sent"
    return (
        f"{sent / took_s:.0f} messages/s came in, {windows / took_s:.0f} were decided, and "
        f"{len(rolling)} services set {tables / took_s:.0f} tables/s"
    )
