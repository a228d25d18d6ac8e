"""One window of measurements as the observer reports it: counts of both arms, memory, and what the gates answered."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from controller.core.commands import ReportWindow
from controller.core.evidence.window import ArmCounts, Histogram, Window
from controller.core.gate import Figure, Outcome
from controller.core.readings import Footprint, MemorySource, Reading
from controller.wire.fields import Count, Name, Text, TimeMs
from controller.wire.reported import Reported

_Bucket = Annotated[list[Annotated[int, Field(ge=-1000, le=2**31)]], Field(min_length=2, max_length=2)]
_Buckets = Annotated[list[_Bucket], Field(max_length=1000)]
_Score = Annotated[float, Field(ge=-10, le=10)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class ArmBody(_Part):
    """One arm's counts. Histograms are lists of [bucket, count], ascending; bucket i begins at 1.05^i."""

    requests: Count = 0
    failures: Count = 0
    blocks: Count = 0
    failed_blocks: Count = 0
    latency: _Buckets = Field(default_factory=list)
    ttfa: _Buckets = Field(default_factory=list)
    rtf: _Buckets = Field(default_factory=list)

    def value(self) -> ArmCounts:
        """Return the core's counts; ValueError when they contradict one another."""
        return ArmCounts(
            requests=self.requests,
            failures=self.failures,
            blocks=self.blocks,
            failed_blocks=self.failed_blocks,
            latency=_histogram("latency", self.latency),
            ttfa=_histogram("ttfa", self.ttfa),
            rtf=_histogram("rtf", self.rtf),
        )


class FootprintBody(_Part):
    """What each release takes, bytes; 0 when it is not known now."""

    candidate_bytes: Count
    stable_bytes: Count
    source: Literal["gpu", "process"]

    def value(self) -> Footprint:
        """Return the core's footprint."""
        return Footprint(self.candidate_bytes, self.stable_bytes, MemorySource(self.source))


class FigureBody(_Part):
    """One figure that an answer rests on."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    value: float
    limit: float
    samples: Count = 0


class ReadingBody(_Part):
    """What came of asking a gate: a value, an outcome, or the reason why there is neither."""

    gate: Name
    value: float | None = None
    outcome: Literal["pass", "inconclusive", "error", "fail"] | None = None
    reason: Text = ""
    figures: Annotated[list[FigureBody], Field(max_length=50)] = Field(default_factory=list)

    def reading(self) -> Reading:
        """Return the core's reading."""
        figures = tuple(Figure(one.name, one.value, one.limit, one.samples) for one in self.figures)
        outcome = Outcome(self.outcome) if self.outcome else None
        return Reading(self.gate, self.value, outcome, self.reason, figures)


class WindowIsMeasured(Reported):
    """
    Both arms of a rollout were measured from start_ms to end_ms, milliseconds since 1970.

    blind: why nothing could be measured; the counts are empty then. mos, ratings: candidate minus stable, points.
    """

    rollout: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    start_ms: TimeMs
    end_ms: TimeMs
    candidate: ArmBody = ArmBody()
    stable: ArmBody = ArmBody()
    mos: Annotated[list[_Score], Field(max_length=1000)] = Field(default_factory=list)
    ratings: Annotated[list[_Score], Field(max_length=1000)] = Field(default_factory=list)
    memory: FootprintBody | None = None
    readings: Annotated[list[ReadingBody], Field(max_length=100)] = Field(default_factory=list)
    blind: Text = ""

    def command(self) -> ReportWindow:
        """Return the report; ValueError when its counts contradict one another."""
        window = Window(
            self.start_ms,
            self.end_ms,
            self.candidate.value(),
            self.stable.value(),
            tuple(self.mos),
            tuple(self.ratings),
        )
        if not self.start_ms < self.end_ms:
            raise ValueError(f"end_ms is {self.end_ms}; allowed: later than start_ms, which is {self.start_ms}")
        return ReportWindow(
            service=self.service,
            actor=self.actor,
            reason=self.blind or f"measured for {(self.end_ms - self.start_ms) / 1000:g} s",
            rollout=self.rollout,
            window=window,
            memory=self.memory.value() if self.memory else None,
            readings=tuple(one.reading() for one in self.readings),
            blind=self.blind,
        )


def _histogram(name: str, pairs: list[list[int]]) -> Histogram:
    buckets = [bucket for bucket, _ in pairs]
    if any(later <= earlier for earlier, later in pairwise(buckets)):
        raise ValueError(f"{name} has buckets {buckets[:8]}; allowed: each once, ascending")
    if any(count < 1 for _, count in pairs):
        raise ValueError(f"{name} counts nothing in a bucket; allowed: buckets with a count of at least 1")
    return tuple((bucket, count) for bucket, count in pairs)
