"""What outside parts answered to a plan's gates, and what the releases' memory came to: readings, not verdicts."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from controller.core.gate import Figure, Outcome, Verdict
from controller.core.gates import Gate, GateKind, NoData


class MemorySource(StrEnum):
    """Where a footprint was read: they cannot be compared with one another."""

    GPU = "gpu"
    """Triton's gauge of the GPU, before and after the release was loaded."""
    PROCESS = "process"
    """Resident memory of the processes that the release's stages run in."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What each release takes, bytes; 0 when it is not known now."""

    candidate_bytes: int
    stable_bytes: int
    source: MemorySource


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What came of asking one gate once.

    value: for gates with bounds; None when there was none. outcome: of gates that answer themselves; None otherwise.
    reason: in a sentence, also why there is no value. figures: what an answer rests on.
    """

    gate: str
    value: float | None = None
    outcome: Outcome | None = None
    reason: str = ""
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """The latest reading of a gate; failing: how many in a row failed. at_ms: end of the window that it came with."""

    reading: Reading
    failing: int
    at_ms: int


def note(standings: tuple[Standing, ...], gates: Iterable[Gate], reading: Reading, at_ms: int) -> tuple[Standing, ...]:
    """Return the standings with this reading in place of the gate's former one; of an unknown gate, it is dropped."""
    gate = next((gate for gate in gates if gate.name == reading.gate), None)
    if gate is None:
        return standings
    former = next((one for one in standings if one.reading.gate == gate.name), None)
    outcome = _outcome(gate, reading)
    # Silence neither adds to a row of failures nor ends it.
    known = former.failing if former else 0
    failing = known + 1 if outcome is Outcome.FAIL else 0 if outcome is Outcome.PASS else known
    now = Standing(reading, failing, at_ms)
    if former is None:
        return (*standings, now)
    return tuple(now if one is former else one for one in standings)


def judge_reading(gate: Gate, standing: Standing | None) -> Verdict:
    """Say what a gate's latest reading means; a gate that was never read is INCONCLUSIVE."""
    if standing is None:
        return Verdict(Outcome.INCONCLUSIVE, f"{gate.name} was not asked yet")
    reading, outcome = standing.reading, _outcome(gate, standing.reading)
    figures = reading.figures
    if reading.value is not None:
        bounds = [bound for bound in (gate.above, gate.below) if bound is not None]
        figures = tuple(Figure(gate.name, reading.value, bound, standing.failing) for bound in bounds)
    if outcome is Outcome.FAIL and standing.failing < gate.persist:
        reason = f"{_said(gate, reading)}; {standing.failing} of {gate.persist} in a row"
        return Verdict(Outcome.INCONCLUSIVE, reason, figures)
    return Verdict(outcome, _said(gate, reading), figures, (gate.name,) if outcome is Outcome.FAIL else ())


def _outcome(gate: Gate, reading: Reading) -> Outcome:
    if reading.value is not None and gate.kind in (GateKind.PROMETHEUS, GateKind.FLEET):
        if not gate.fails_at(reading.value):
            return Outcome.PASS
        # Too many rollouts elsewhere say nothing against this release: it waits for its turn.
        return Outcome.INCONCLUSIVE if gate.kind is GateKind.FLEET else Outcome.FAIL
    if reading.outcome is not None and gate.kind in (GateKind.HTTP, GateKind.PROBE):
        return reading.outcome
    counts = gate.no_data is NoData.ROLLBACK and gate.kind is not GateKind.FLEET
    return Outcome.FAIL if counts else Outcome.INCONCLUSIVE


def _said(gate: Gate, reading: Reading) -> str:
    if reading.value is None:
        return f"{gate.name}: {reading.reason or 'no value'}"
    above = [] if gate.above is None else [f"above {gate.above:g}"]
    below = [] if gate.below is None else [f"below {gate.below:g}"]
    told = "it waits while that is" if gate.kind is GateKind.FLEET else "it fails"
    return f"{gate.name} is {reading.value:g}; {told} {' or '.join(above + below)}"
