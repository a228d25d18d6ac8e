"""
Hours of ordinary work: services go from release to release and back, windows come in, people listen.

What every process holds is looked at all the while. Before that come as many windows as fill a writer's cache, which
twenty a second would not do in half an hour, and the beginning of the work is left out, too. At the end everything that
was sent must be decided and published.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import OK
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

import httpx
from kafka import KafkaConsumer, TopicPartition

from controller.bench.figures import Figure
from controller.core.names import Release
from controller.settings import Settings
from controller.supervise.plan import Part
from controller.supervise.tree import Tree, start_tree
from controller.wire.topics import DECIDED_BY, PARTITIONS, Topic, group_name
from tests.bench.seen import memory_mib, open_files
from tests.bench.services import releases, request, wait_for_weight
from tests.bench.windows import messages

MOST_GROWTH: Final = 5.0
MOST_FILES: Final = 3
_SERVICES: Final = 20
_A_SECOND: Final = 20
_ROUND_S: Final = 30.0
_LISTEN_S: Final = 0.5
_WARM_OF_ALL: Final = 0.2
# SQLite's writer keeps 64 MiB of pages, and a window fills nearly one of its KiB: see docs/performance.md.
_FILLING: Final = 100_000
_FILLING_A_SECOND: Final = 2_000
_LAG_WITHIN_S: Final = 30.0
_PLAN: Final = {
    "name": "brisk",
    "steps": [{"weight_bp": 1000, "hold_s": 5}, {"weight_bp": 5000, "hold_s": 5}],
    "guard_s": 5,
    # Judged with each window, and held up never.
    "gates": [{"kind": "evidence", "dry_run": True}],
}


@dataclass(slots=True)
class _Seen:
    """What was looked at. memory_mib, files: of each process, one a look; unheard: requests that were not answered."""

    memory_mib: dict[str, list[float]] = field(default_factory=dict)
    files: dict[str, list[int]] = field(default_factory=dict)
    heard: int = 0
    unheard: int = 0


def measure(folder: Path, store: str, database_url: str, minutes: float) -> list[Figure]:
    """Let Segue work on the store for so many minutes, and return what grew."""
    repository = folder / "models"
    both = releases(repository)
    settings = Settings(
        data=folder / "segue", repository=repository, database_url=database_url, probe_every_s=30, observe_every_s=0
    )
    with start_tree(settings, parts={Part.KAFKA, Part.TRITON}, free_ports=True) as tree:
        services = [f"soak-{number:02d}" for number in range(_SERVICES)]
        request(tree, services, both[0])
        wait_for_weight(tree, services, both[0])
        _fill(tree, services)
        with messages(tree.kafka, services, _A_SECOND) as sent:
            seen = _work(tree, services, both, minutes * 60)
            told = f"{sent.value:,} messages and {seen.heard:,} utterances in {minutes:g} minutes"
        lag = _lag(tree)
    return _figures(store, seen, lag, told)


def _fill(tree: Tree, services: Sequence[str]) -> None:
    with messages(tree.kafka, services, _FILLING_A_SECOND) as sent:
        while sent.value < _FILLING:
            sys.stderr.write(f"soak: {sent.value:,} of {_FILLING:,} windows, until caches are full\n")
            time.sleep(5)
    left = _lag(tree)
    assert not any(left.values()), f"windows wait to be read: {left}"


def _work(tree: Tree, services: Sequence[str], both: Sequence[Release], length_s: float) -> _Seen:
    seen, began = _Seen(), time.monotonic()
    turns = _turns(both)
    next_round_s = next_told_s = 0.0
    with httpx.Client(base_url=tree.gateway_url, timeout=10) as client:
        for number in count():
            at_s = time.monotonic() - began
            if at_s > length_s:
                return seen
            if at_s >= next_round_s:
                request(tree, services, next(turns), _PLAN)
                next_round_s += _ROUND_S
            if at_s >= next_told_s:
                sys.stderr.write(f"soak: minute {at_s / 60:.0f} of {length_s / 60:g}\n")
                next_told_s += 60
            _listen(client, services[number % len(services)], seen)
            if at_s > _WARM_OF_ALL * length_s:
                _look(tree, seen)
            time.sleep(_LISTEN_S)
    raise AssertionError("the time is over at some time")


def _turns(both: Sequence[Release]) -> Iterator[Release]:
    while True:
        yield from reversed(both)


def _listen(client: httpx.Client, service: str, seen: _Seen) -> None:
    said = {"model": service, "input": "Curiouser and curiouser!", "response_format": "wav"}
    with suppress(httpx.HTTPError):
        if client.post("/v1/audio/speech", json=said).status_code == OK:
            seen.heard += 1
            return
    seen.unheard += 1


def _look(tree: Tree, seen: _Seen) -> None:
    for name, child in tree.children.items():
        assert child.restarts == 0, f"{name} ended by itself: see {child.process.program.log}"
        if child.pid is not None:
            seen.memory_mib.setdefault(name, []).append(memory_mib(child.pid))
            seen.files.setdefault(name, []).append(open_files(child.pid))


def _lag(tree: Tree) -> dict[str, int]:
    """Return how many records each function has not acknowledged, once there are none or the time is over."""
    readers = [(function, topic) for topic, function in DECIDED_BY.items()]
    readers += [(function, Topic.JOURNAL) for function in ("releases", "notifier")]
    deadline = time.monotonic() + _LAG_WITHIN_S
    while True:
        left = {function: _behind(tree.kafka, function, topic) for function, topic in readers}
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def _behind(kafka: str, function: str, topic: Topic) -> int:
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=group_name(function), enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic.value, number) for number in range(PARTITIONS)]
        ends = consumer.end_offsets(partitions)
        return sum(ends[one] - (consumer.committed(one) or 0) for one in partitions)
    finally:
        consumer.close()


def _figures(store: str, seen: _Seen, lag: Mapping[str, int], told: str) -> list[Figure]:
    figures = [
        Figure(
            store,
            "records not acknowledged at the end",
            sum(lag.values()),
            "records",
            most=0,
            told=", ".join([told, *(f"{left} of {function}" for function, left in lag.items() if left)]),
        ),
        Figure(store, "utterances that failed", seen.unheard, "utterances", most=0),
    ]
    for name, values in seen.memory_mib.items():
        first, last = _ends(values)
        # The JVM takes what it may before it looks for what is unused: its bound is the limit, not its growth.
        most = None if name == Part.KAFKA else MOST_GROWTH
        ends = f"from {first:.0f} to {last:.0f} MiB"
        figures.append(Figure(store, f"memory of {name}, growth", 100 * (last - first) / first, "%", most, told=ends))
    for name, numbers in seen.files.items():
        first, last = _ends(numbers)
        most = None if name == Part.KAFKA else MOST_FILES
        figures.append(
            Figure(store, f"open files of {name}, growth", last - first, "files", most, told=f"from {first:g}")
        )
    return figures


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return what is in the middle of the first and of the last fifth."""
    fifth = max(1, len(values) // 5)
    return median(values[:fifth]), median(values[-fifth:])
