"""One flood of a running Segue, and what came of it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import httpx
from aiokafka.partitioner import murmur2

from controller.bench.figures import Figure
from controller.journal import open_store
from controller.supervise.tree import Tree
from controller.wire.topics import PARTITIONS
from tests.bench.seen import memory_mib
from tests.bench.services import releases, request, wait_for_weight
from tests.flood.account import applied_ms, decided
from tests.flood.sending import flood, rescue

MOST_GROWTH_MIB = 256
MOST_RESCUE_MS = 2_000
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Shape:
    """services: that the alerts are about, in turn. others: that need one rollback each meanwhile."""

    name: str
    services: int
    alerts: int
    a_minute: int
    others: int

    @property
    def length_s(self) -> float:
        """How long it takes to send it."""
        return self.alerts * 60 / self.a_minute


@dataclass(frozen=True, slots=True)
class Came:
    """
    What came of a flood.

    refused: notifications that had to be sent again. accounted: alerts that the journal has. taken_back: how often each
    service was, of those that were. beside_ms, behind_ms: of each of the others, from its alert to the gateway's table,
    in partitions that are not flooded, and in those that are. late_s: from the last alert taken to the last decided.
    before_mib, most_mib: memory of each process.
    """

    shape: Shape
    refused: int
    accounted: int
    taken_back: list[int]
    beside_ms: list[float]
    behind_ms: list[float]
    late_s: float
    before_mib: Mapping[str, float]
    most_mib: Mapping[str, float]

    def figures(self, part: str) -> list[Figure]:
        """Return it against its goals."""
        shape, name = self.shape, self.shape.name
        sent = f"{shape.alerts:,} sent in {shape.length_s:.0f} s; {self.refused} notifications were sent again"
        told = f"{self.accounted / (shape.length_s + self.late_s):,.0f} a second"
        return [
            Figure(part, f"{name}: alerts lost", shape.alerts - self.accounted, "alerts", most=0, told=sent),
            Figure(part, f"{name}: rollbacks", sum(self.taken_back), "rollbacks", most=shape.services),
            Figure(part, f"{name}: services taken back", len(self.taken_back), "services", least=shape.services),
            Figure(part, f"{name}: all decided after the last alert", self.late_s, "s", told=told),
            *_rescued(part, f"{name}: rollbacks in other partitions", self.beside_ms, MOST_RESCUE_MS),
            # These wait for what came before them: no longer than that takes, and that is told.
            *_rescued(part, f"{name}: others' rollbacks in flooded partitions", self.behind_ms, None),
            *(
                Figure(
                    part,
                    f"{name}: memory of {process}, most more",
                    most - self.before_mib[process],
                    "MiB",
                    most=MOST_GROWTH_MIB if process != "kafka" else None,
                    told=f"{self.before_mib[process]:.0f} before, {most:.0f} at most",
                )
                for process, most in self.most_mib.items()
            ),
        ]


def flooded(tree: Tree, shape: Shape, prefix: str) -> Came:
    """Give services whose names begin so a candidate, flood them with alerts about it, and tell what came of it."""
    services = [f"{prefix}-in-{number:04d}" for number in range(shape.services)]
    others = [f"{prefix}-by-{number:04d}" for number in range(shape.others)]
    both = releases(tree.settings.repository)
    for release in both:
        request(tree, [*services, *others], release)
        wait_for_weight(tree, [*services, *others], release)

    async def run() -> Came:
        token = {"authorization": f"Bearer {tree.tokens.of('alertmanager')}"}
        before_mib = _memory(tree)
        most_mib = dict(before_mib)
        looking = asyncio.create_task(_look(tree, most_mib))
        store = await open_store(tree.settings.database)
        try:
            async with httpx.AsyncClient(base_url=tree.api_url, headers=token, timeout=10) as client:
                sent, rescued = await asyncio.gather(
                    flood(client, services, both[1], shape.alerts, shape.a_minute),
                    rescue(client, others, both[1], shape.length_s / (shape.others + 1)),
                )
            late_s, kinds, taken_back = await decided(store, f"{prefix}-in-", sent.taken)
            since_ms = await applied_ms(store, f"{prefix}-by-", 3, shape.others)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            await store.close()
        took_ms = {service: since_ms[service] - posted_ms for service, posted_ms in rescued.posted_ms.items()}
        flooding = {_partition(service) for service in services}
        return Came(
            shape,
            sent.refused + rescued.refused,
            kinds["AlertMatched"] + kinds["AlertNoted"],
            taken_back,
            [ms for service, ms in took_ms.items() if _partition(service) not in flooding],
            [ms for service, ms in took_ms.items() if _partition(service) in flooding],
            late_s,
            before_mib,
            most_mib,
        )

    return asyncio.run(run())


def _rescued(part: str, name: str, times_ms: Sequence[float], most: float | None) -> list[Figure]:
    if not times_ms:
        return []
    told = f"{len(times_ms)} of them"
    return [
        Figure(part, f"{name}, p50", median(times_ms), "ms", told=told),
        Figure(part, f"{name}, longest", max(times_ms), "ms", most=most),
    ]


def _partition(service: str) -> int:
    """Return where Kafka's clients put a service's messages."""
    return int(murmur2(service.encode()) & 0x7FFFFFFF) % PARTITIONS


def _memory(tree: Tree) -> dict[str, float]:
    return {name: memory_mib(child.pid) for name, child in tree.children.items() if child.pid is not None}


async def _look(tree: Tree, most_mib: dict[str, float]) -> None:
    while True:
        for name, mib in _memory(tree).items():
            most_mib[name] = max(mib, most_mib[name])
        await asyncio.sleep(_LOOK_EVERY_S)
