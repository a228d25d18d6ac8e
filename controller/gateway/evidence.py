"""
What evidence is made from: root requests, blocks of them, and how long those took that were spoken.

A user's request counts once, for the release that was picked, whoever answered in the end: a failure that another
release made good is still a failure. This is on the way of every request, so each series is looked up once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import Counter

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


@dataclass(frozen=True, slots=True)
class Measured:
    """
    How long a release took over a request that it spoke; all above zero.

    latency_s: to the last audio. ttfa_s: to the first. rtf: seconds of inference per second of audio.
    """

    latency_s: float
    ttfa_s: float
    rtf: float


class Evidence:
    """Counts root requests; see the module."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds, from any beginning."""
        self._metrics = metrics
        self._clock = clock
        self._services: dict[str, _Service] = {}

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
            series = service.series[source] = _Series(self._metrics, table.service, source)
        series.count(measured, service.blocks.size)


class _Series:
    """What is counted of one source, and its block that is being filled."""

    __slots__ = ("_block_failed", "_blocks", "_filled", "_labels", "_measured", "_metrics", "_requests")

    def __init__(self, metrics: Metrics, service: str, source: Source) -> None:
        self._labels = (service, *source)
        self._metrics = metrics
        self._requests = [metrics.root_requests.labels(*self._labels, outcome) for outcome in _OUTCOMES]
        self._blocks = [metrics.blocks.labels(*self._labels, outcome) for outcome in _OUTCOMES]
        self._measured: dict[tuple[str, int], Counter] = {}
        self.drop_begun_block()

    def count(self, measured: Measured | None, block_size: int) -> None:
        failed = measured is None
        self._requests[failed].inc()
        if measured is not None:
            self._bucket("latency", measured.latency_s)
            self._bucket("ttfa", measured.ttfa_s)
            self._bucket("rtf", measured.rtf)
        if not block_size:
            return
        self._filled += 1
        self._block_failed |= failed
        if self._filled >= block_size:
            self._blocks[self._block_failed].inc()
            self.drop_begun_block()

    def drop_begun_block(self) -> None:
        self._filled = 0
        self._block_failed = False

    def forget(self) -> None:
        for outcome in _OUTCOMES:
            self._metrics.root_requests.remove(*self._labels, outcome)
            self._metrics.blocks.remove(*self._labels, outcome)
        for measure, bucket in self._measured:
            self._metrics.measured.remove(*self._labels, measure, str(bucket))

    def _bucket(self, measure: str, value: float) -> None:
        bucket = bucket_of(value)
        counter = self._measured.get((measure, bucket))
        if counter is None:
            counter = self._metrics.measured.labels(*self._labels, measure, str(bucket))
            self._measured[measure, bucket] = counter
        counter.inc()


_OUTCOMES = ("ok", "failed")
"""By whether it failed."""


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
            self.series.pop(source).forget()
