"""
What evidence is made from: root requests, blocks of them, and how long those took that were spoken.

A user's request counts once, for the release that was picked, whoever answered in the end: a failure that another
release made good is still a failure. This is on the way of every request, so it is plain counting.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.core.routing import RoutingTable
from controller.core.sequential import bucket_of
from controller.gateway.blocks import BlockSize
from controller.gateway.metrics import Metrics


class Source(NamedTuple):
    """
    Where a root request was sent, in the words of the metrics.

    release: its version. arm: the role of the release, or `forced`, or `mirror`. segment: the name of the one that
    decided, "" for the common weight. endpoint: host:port of the Triton that was asked last.
    """

    release: str
    arm: str
    segment: str
    endpoint: str


class Measured(NamedTuple):
    """
    How long a release took over a request that it spoke; all above zero.

    latency_s: to the last audio. ttfa_s: to the first. rtf: seconds of inference per second of audio.
    """

    latency_s: float
    ttfa_s: float
    rtf: float


class Evidence(Collector):
    """Counts root requests; see the module."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        """metrics: to be read with. clock: seconds, from any beginning."""
        self._clock = clock
        self._services: dict[str, _Service] = {}
        metrics.registry.register(self)

    def ended(self, table: RoutingTable, source: Source, measured: Measured | None) -> None:
        """Count a root request that ended. table: of its pick. measured: None when the picked release failed."""
        now_s = self._clock()
        service = self._services.get(table.service)
        if service is None:
            service = self._services[table.service] = _Service(table, BlockSize(now_s), {})
        if table.epoch > service.table.epoch:
            service.forget_all_but(table, service.table)
            service.table = table
        if service.blocks.settle(table, now_s):
            service.drop_begun_blocks()
        service.blocks.note(source.arm, source.endpoint)
        series = service.series.get(source)
        if series is None:
            series = service.series[source] = _Series()
        series.count(measured, service.blocks.size)

    def collect(self) -> Iterable[Metric]:
        """Return everything that was counted, for the metrics' registry."""
        roots, blocks, measured = (CounterMetricFamily(*each) for each in _FAMILIES)
        for name, service in self._services.items():
            for source, series in service.series.items():
                labels = (name, *source)
                for failed, outcome in enumerate(_OUTCOMES):
                    roots.add_metric((*labels, outcome), series.requests[failed])
                    blocks.add_metric((*labels, outcome), series.blocks[failed])
                for measure, buckets in zip(_MEASURES, series.measured, strict=True):
                    for bucket, count in buckets.items():
                        measured.add_metric((*labels, measure, str(bucket)), count)
        return roots, blocks, measured


class _Series:
    """What is counted of one source, and its block that is being filled. Plain numbers: a locked counter costs more."""

    __slots__ = ("_block_failed", "_filled", "blocks", "measured", "requests")

    def __init__(self) -> None:
        self.requests = [0, 0]
        self.blocks = [0, 0]
        self.measured: tuple[dict[int, int], ...] = ({}, {}, {})
        self.drop_begun_block()

    def count(self, measured: Measured | None, block_size: int) -> None:
        failed = measured is None
        self.requests[failed] += 1
        if measured is not None:
            for buckets, value in zip(self.measured, measured, strict=True):
                bucket = bucket_of(value)
                buckets[bucket] = buckets.get(bucket, 0) + 1
        if not block_size:
            return
        self._filled += 1
        self._block_failed |= failed
        if self._filled >= block_size:
            self.blocks[self._block_failed] += 1
            self.drop_begun_block()

    def drop_begun_block(self) -> None:
        self._filled = 0
        self._block_failed = False


@dataclass(slots=True)
class _Service:
    table: RoutingTable
    blocks: BlockSize
    series: dict[Source, _Series]

    def drop_begun_blocks(self) -> None:
        for series in self.series.values():
            series.drop_begun_block()

    def forget_all_but(self, *tables: RoutingTable) -> None:
        # A release leaves some hundred series behind, and a gateway lives through many releases. Those of the table
        # before stay, so that the last that was counted is still read.
        known = {arm.release.version for table in tables for arm in table.arms}
        for source in [source for source in self.series if source.release not in known]:
            del self.series[source]


_OUTCOMES = ("ok", "failed")
"""By whether it failed."""

_MEASURES = ("latency", "ttfa", "rtf")
"""In the order of Measured."""

_SOURCE = ("service", *Source._fields)
_FAMILIES = (
    (
        "segue_root_requests",
        "Users' requests by how the release that was picked did, whoever answered in the end.",
        None,
        (*_SOURCE, "outcome"),
    ),
    (
        "segue_blocks",
        "Complete blocks of consecutive root requests; failed when any request in the block failed.",
        None,
        (*_SOURCE, "outcome"),
    ),
    (
        "segue_measured",
        "Root requests that were spoken, by measure (latency, ttfa: seconds; rtf) and bucket: "
        "1.05 ** bucket <= value < 1.05 ** (bucket + 1).",
        None,
        (*_SOURCE, "measure", "bucket"),
    ),
)
