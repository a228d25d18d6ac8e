"""
What evidence is made from: root requests, blocks of them, and how long those took that were spoken.

A user's request counts once, for the release that was picked, whoever answered in the end: a failure that another
release made good is still a failure. Of a release that was overrun, so that another had to speak, that is slowness and
no failure: it counts in time to first audio with what was waited at least, and in latency with as much for each group
of the text. This is on the way of every request, so it is plain counting.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

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

    latency_s: to the last audio. ttfa_s: to the first. rtf: seconds of inference per second of audio; None of a release
    that was overrun and not asked: the times are what its user waited at least then, latency_s for each of the groups.
    """

    latency_s: float
    ttfa_s: float
    rtf: float | None

    @property
    def asked(self) -> bool:
        """Say whether the release was asked, and spoke."""
        return self.rtf is not None


_OUTCOMES: Final = ("ok", "failed", "overrun")
_OK, _FAILED, _OVERRUN = range(3)


class Evidence:
    """Counts root requests; see the module."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        """metrics: to be read with. clock: seconds, from any beginning."""
        self._clock = clock
        self._services: dict[str, _Service] = {}
        metrics.add(self._text)

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
        if measured is None or measured.asked:
            service.blocks.note(source.arm, source.endpoint)
        series = service.series.get(source)
        if series is None:
            series = service.series[source] = _Series(_labels(table.service, source))
        series.count(measured, service.blocks.size)

    def _text(self) -> str:
        # Written here, for the client's own formatting holds up speech for 13 us a line, and there are thousands.
        all_series = [series for service in self._services.values() for series in service.series.values()]
        lines: list[str] = []
        for name, meaning, of_series in _FAMILIES:
            lines += (f"# HELP {name} {meaning}", f"# TYPE {name} counter")
            for series in all_series:
                lines += of_series(name, series)
        return "\n".join((*lines, ""))


class _Series:
    """What is counted of one source, and its block that is being filled. Plain numbers: a locked counter costs more."""

    __slots__ = ("_block_failed", "_filled", "blocks", "labels", "measured", "requests")

    def __init__(self, labels: str) -> None:
        self.labels = labels
        self.requests = [0, 0, 0]
        self.blocks = [0, 0]
        self.measured: tuple[dict[int, int], ...] = ({}, {}, {})
        self.drop_begun_block()

    def count(self, measured: Measured | None, block_size: int) -> None:
        if measured is None:
            self.requests[_FAILED] += 1
        else:
            self.requests[_OK if measured.asked else _OVERRUN] += 1
            for buckets, value in zip(self.measured, measured, strict=True):
                if value is not None:
                    bucket = bucket_of(value)
                    buckets[bucket] = buckets.get(bucket, 0) + 1
        # A release that was not asked neither spoke nor failed: among those that were it would hide failures.
        if not block_size or (measured is not None and not measured.asked):
            return
        self._filled += 1
        self._block_failed |= measured is None
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


def _labels(service: str, source: Source) -> str:
    pairs = zip(("service", *Source._fields), (service, *source), strict=True)
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _roots(name: str, series: _Series) -> Iterable[str]:
    return _by_outcome(name, series.labels, series.requests)


def _blocks(name: str, series: _Series) -> Iterable[str]:
    return _by_outcome(name, series.labels, series.blocks)


def _by_outcome(name: str, labels: str, counts: Sequence[int]) -> Iterable[str]:
    # Few releases are ever overrun; the others need no line for it.
    told = zip(_OUTCOMES, counts, strict=False)
    return [
        f'{name}{{{labels},outcome="{outcome}"}} {count}' for outcome, count in told if count or outcome != "overrun"
    ]


def _buckets(name: str, series: _Series) -> Iterable[str]:
    for measure, buckets in zip(Measured._fields, series.measured, strict=True):
        before = f'{name}{{{series.labels},measure="{measure.removesuffix("_s")}",bucket="'
        for bucket, count in buckets.items():
            yield f'{before}{bucket}"}} {count}'


_FAMILIES = (
    (
        "segue_root_requests_total",
        "Users' requests by how the release that was picked did, whoever answered in the end; overrun: it had no place "
        "for it in time, and another was asked.",
        _roots,
    ),
    (
        "segue_blocks_total",
        "Complete blocks of consecutive root requests, but for overrun ones; failed when any request in it failed.",
        _blocks,
    ),
    (
        "segue_measured_total",
        "Root requests that did not fail, by measure (latency, ttfa: seconds; rtf) and bucket: "
        "1.05 ** bucket <= value < 1.05 ** (bucket + 1).",
        _buckets,
    ),
)
