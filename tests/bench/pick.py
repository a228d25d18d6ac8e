"""What a pick costs: by weight, by segments however many, and in a gateway of ten thousand services."""

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Final

from controller.bench.figures import Figure
from controller.core.names import Release
from controller.core.routing import Arm, Asked, Role, RoutingTable, Segment, pick
from controller.gateway.metrics import Metrics
from controller.gateway.tables import Tables

MOST_US: Final = 5.0
_SERVICES, _CALLS, _ROUNDS = 10_000, 20_000, 5
_STABLE, _CANDIDATE = (
    Release("tone", version, f"tone__{version}", f"sha256:{version}", 44_100, 80.0, "2026-01-01T00:00:00Z")
    for version in ("1", "2")
)


def measure() -> list[Figure]:
    """Return the figures of each way to pick; the quickest of a few rounds, for others use this machine too."""
    plain, many = _table("tone", 0), _table("tone", 100)
    tables = Tables(Metrics(), (_table(f"tone-{number}", 3) for number in range(_SERVICES)))
    facts = {"tier": "free", "region": "eu"}
    nowhere, matching, unplaced = (
        [Asked(f"user-{number}", facts=own) for number in range(_CALLS)]
        for own in (facts, facts | {"region": "r99"}, None)
    )

    names = [f"tone-{number * 7919 % _SERVICES}" for number in range(_CALLS)]

    def among_thousands(number: int) -> None:
        table = tables.get(names[number])
        assert table is not None
        pick(table, nowhere[number])

    return [
        _figure("by weight", lambda number: pick(plain, unplaced[number])),
        _figure("100 segments, none matches", lambda number: pick(many, nowhere[number])),
        _figure("100 segments, the last matches", lambda number: pick(many, matching[number])),
        _figure(f"{_SERVICES} services, 3 segments each", among_thousands),
    ]


def _table(service: str, segments: int) -> RoutingTable:
    rules = tuple(
        Segment(f"s{number}", (("region", f"r{number}"), ("tier", "free"))[: 1 + number % 2], 500)
        for number in range(segments)
    )
    arms = (Arm(Role.STABLE, _STABLE, 9_500), Arm(Role.CANDIDATE, _CANDIDATE, 500))
    return RoutingTable(service, 1, service, arms, rules)


def _figure(name: str, call: Callable[[int], object]) -> Figure:
    rounds = [(_took_us(call), median(_took_us(_empty))) for _ in range(_ROUNDS)]
    took_us, floor_us = min(rounds, key=lambda one: median(one[0]))
    told = f"p99 {quantiles(took_us, n=100)[98]:.1f} us; an empty call {floor_us:.2f} us"
    return Figure("gateway", f"one pick of a release, {name}, p50", median(took_us), "us", most=MOST_US, told=told)


def _empty(number: int) -> None:
    pass


def _took_us(call: Callable[[int], object]) -> list[float]:
    clock, took = time.perf_counter_ns, []
    for number in range(_CALLS):
        began = clock()
        call(number)
        took.append((clock() - began) / 1000)
    return took
