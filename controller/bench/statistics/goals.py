"""What is claimed, what was measured, and whether the one meets the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from controller.bench.statistics.cost import MOST_FOLD_US, MOST_STATE_KB, measure_cost
from controller.bench.statistics.judges import RULES, Evidence, Judge
from controller.bench.statistics.ladder import Walk, minutes, walk
from controller.bench.statistics.peers import MannWhitney, Thresholds
from controller.bench.statistics.stream import DAY, Fault, Floats, Ints, Stream, World
from controller.core.evidence.timing import buckets_covering, buckets_within

HOUR: Final = DAY // 24
NAMES: Final = ("Segue", "Flagger", "Argo", "Kayenta")
PLAIN: Final = World()
INCIDENTS: Final = World(incidents_per_day=4)
UNEQUAL: Final = World(incidents_per_day=4, incident_failures_sd=0.4, incident_latency_sd=0.10)
MARGINS: Final = (
    Fault("errors at the margin (0.2 -> 0.4 %)", failures=0.004),
    Fault("latency at the margin (+25 %)", slower=1.25),
    Fault("MOS at the margin (-0.1)", score=-0.1),
)


@dataclass(frozen=True, slots=True)
class Case:
    """
    One kind of day.

    windows: how long it is watched.
    most: the goal; where nothing is wrong a share of runs, else minutes (p95); None where there is none.
    """

    name: str
    fault: Fault
    world: World
    windows: int
    most: float | None

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with the candidate."""
        return self.fault == Fault()


CASES: Final = (
    Case("healthy, 24 h", Fault(), PLAIN, DAY, 0.002),
    Case("healthy, shared incidents 4/day", Fault(), INCIDENTS, DAY, 0.01),
    Case("healthy, incidents that hit instances unequally", Fault(), UNEQUAL, DAY, None),
    Case("error 100 %", Fault("outage", failures=1.0), PLAIN, HOUR, 2),
    Case("error 20 %", Fault("20 %", failures=0.2), PLAIN, HOUR, 2),
    Case("error 0.2 -> 2 %", Fault("2 %", failures=0.02), PLAIN, 4 * HOUR, 12),
    Case("error 0.2 -> 0.5 %", Fault("0.5 %", failures=0.005), PLAIN, 8 * HOUR, 120),
    Case("p99 x3", Fault("p99 x3", tail=3.0), PLAIN, 2 * HOUR, 3),
    Case("p99 x1.5", Fault("p99 x1.5", tail=1.5), PLAIN, 4 * HOUR, 17),
    Case("slowest 2 % x1.5", Fault("slowest", slowest_2_percent=1.5), PLAIN, 8 * HOUR, None),
    Case("MOS -0.3", Fault("MOS -0.3", score=-0.3), PLAIN, 4 * HOUR, 15),
    Case("MOS -0.1", Fault("MOS -0.1", score=-0.1), PLAIN, 8 * HOUR, 180),
    Case("error 0.2 -> 2 %, after 12 h", Fault("late", failures=0.02, begins=DAY // 2), PLAIN, DAY, None),
    Case("p99 x1.5, after 12 h", Fault("late", tail=1.5, begins=DAY // 2), PLAIN, DAY, None),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """When each judge took each run back: shape (judges, runs), minutes after the fault began; infinite is never."""

    case: Case
    after_min: Floats


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `met` is None where there is no goal."""

    name: str
    goal: str
    figures: tuple[str, ...]
    met: bool | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured with one seed."""

    runs: int
    seed: int
    outcomes: tuple[Outcome, ...]
    healthy: Walk
    half_percent: Walk
    margins: tuple[Walk, ...]
    fold_us: float
    state_kb: float

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table, goals first named by the method, then what has none."""
        return (*(_row(outcome) for outcome in self.outcomes), *self._ladder_rows(), *self._cost_rows())

    @property
    def met(self) -> bool:
        """Whether no goal is missed."""
        return all(row.met is not False for row in self.rows)

    def _ladder_rows(self) -> Iterator[Row]:
        for fault, walked in zip(MARGINS, self.margins, strict=True):
            share = float(np.mean(walked.promoted > 0))
            yield Row(f"promoted with {fault.name}", "<= 5 %", (_share(share), "", "", ""), share <= 0.05)
        p50, p95 = _quantiles(minutes(self.healthy.promoted))
        yield Row("ladder: healthy to 100 %, p50 / p95", "", (f"{_minutes(p50)} / {_minutes(p95)}", "", "", ""), None)
        back = float(np.mean(self.healthy.taken_back > 0))
        yield Row("ladder: healthy taken back on the way", "", (_share(back), "", "", ""), None)
        reached = float(np.mean(self.half_percent.promoted > 0))
        yield Row("ladder: error 0.2 -> 0.5 % reached 100 %", "", (_share(reached), "", "", ""), None)
        refused = float(np.mean(self.margins[2].refused))
        yield Row("MOS -0.1 refused by 600 golden pairs alone", "", (_share(refused), "", "", ""), None)

    def _cost_rows(self) -> Iterator[Row]:
        told = (f"{self.fold_us:.0f} us", "", "", "")
        yield Row("one fold of six measures, p50", f"<= {MOST_FOLD_US:.0f} us", told, self.fold_us <= MOST_FOLD_US)
        told = (f"{self.state_kb:.0f} KB", "", "", "")
        yield Row("state of six measures", f"<= {MOST_STATE_KB:.0f} KB", told, self.state_kb <= MOST_STATE_KB)


def measure(runs: int, seed: int, tell: Callable[[str], None]) -> Figures:
    """Simulate every case; `tell` hears what is being simulated."""
    outcomes = []
    for number, case in enumerate(CASES):
        tell(case.name)
        outcomes.append(Outcome(case, _watch(case, runs, seed + 1000 * number)))
    tell("ladders")
    walked = [
        walk(fault, PLAIN, runs, seed + 500 + number, 12 * HOUR)
        for number, fault in enumerate((Fault(), Fault("0.5 %", failures=0.005), *MARGINS))
    ]
    return Figures(runs, seed, tuple(outcomes), walked[0], walked[1], tuple(walked[2:]), *measure_cost(seed))


def judges(runs: int) -> tuple[Judge, ...]:
    """Return one of each, in the order of NAMES."""
    flagger, argo = Thresholds("Flagger", runs, every=1, limit=4), Thresholds("Argo", runs, every=5, limit=3)
    return (Evidence(runs), flagger, argo, MannWhitney(runs))


def _watch(case: Case, runs: int, seed: int) -> Floats:
    margins = (buckets_covering(RULES.margin), buckets_within(RULES.slower))
    stream = Stream(case.world, case.fault, runs, seed, margins)
    watching = judges(runs)
    gone: Ints = np.zeros((len(watching), runs), np.int64)
    for number, drawn in enumerate(stream.windows(case.windows)):
        for row, judge in enumerate(watching):
            now = judge.look(drawn, number)
            gone[row] = np.where((gone[row] == 0) & (now > 0), number + 1, gone[row])
        # MOS is nobody's matter but Segue's; no need to wait for those who cannot see it.
        if not case.healthy and (gone[0] > 0).all() and (case.fault.score or (gone > 0).all()):
            break
    return minutes(gone) - minutes(np.array([case.fault.begins]))[0] if case.fault.begins else minutes(gone)


def _row(outcome: Outcome) -> Row:
    case, after_min = outcome.case, outcome.after_min
    if case.healthy:
        shares = [float(np.mean(np.isfinite(row))) for row in after_min]
        goal = "" if case.most is None else f"<= {_share(case.most)}"
        met = None if case.most is None else shares[0] <= case.most
        return Row(f"{case.name}: taken back", goal, tuple(_share(share) for share in shares), met)
    blind = case.fault.score != 0
    # Who had taken a run back before anything was wrong cannot find what goes wrong later.
    found = [_quantiles(row[row > 0])[1] if (row > 0).any() else np.nan for row in after_min]
    told = tuple("cannot see it" if blind and row else _minutes(p95) for row, p95 in enumerate(found))
    goal = "" if case.most is None else f"<= {_minutes(case.most)}"
    met = None if case.most is None else bool(found[0] <= case.most)
    return Row(f"{case.name}: found, p95", goal, told, met)


def _quantiles(values: Floats) -> tuple[float, float]:
    """Return median and p95; of an even number the later one, for times may be infinite."""
    ordered = np.sort(values)
    return tuple(float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) for share in (0.5, 0.95))  # type: ignore[return-value]  # two shares, two values


def _share(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _minutes(found: float) -> str:
    if np.isnan(found):
        return "took all back before"
    if np.isinf(found):
        return "not found"
    return f"{60 * found:.0f} s" if found < 2 else f"{found:.0f} min"
