"""The gates of a running rollout and what their answers rest on: a table for people, values for programs. Pure."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from controller.cli.drawing import Table, words
from controller.core.gate import Figure, Outcome, Verdict
from controller.core.judging import answers, missing, proof, stale
from controller.core.plan import PROMOTION, Until
from controller.core.rollout import Phase, Rollout
from controller.log import iso

_COLOURS = {Outcome.PASS: "green", Outcome.INCONCLUSIVE: "yellow", Outcome.ERROR: "yellow", Outcome.FAIL: "bold red"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What one gate says now. inline: it is asked at the end of this step only. dry_run: it decides nothing."""

    name: str
    kind: str
    inline: bool
    dry_run: bool
    verdict: Verdict


def asked(rollout: Rollout) -> tuple[Asked, ...]:
    """Ask every gate of the step that the rollout stands in, and the proof that a step paced by evidence waits for."""
    if rollout.phase is Phase.PREPARING:
        return ()
    found = [
        Asked(one.gate.name, one.gate.kind.value, one.gate.name in rollout.plan.inline, one.gate.dry_run, one.verdict)
        for one in answers(rollout, rollout.plan.gates_at(rollout.step))
    ]
    if rollout.at is not None and rollout.at.until is Until.EVIDENCE:
        found.append(Asked(PROMOTION, "proof", inline=True, dry_run=False, verdict=proof(rollout)))
    return tuple(found)


def evidence_table(rollout: Rollout, now_ms: int) -> Table | None:
    """Return a line for each gate: what it says, by which figures, and why; None when no gate is asked now."""
    gates = asked(rollout)
    if not gates:
        return None
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("gate", "asked", "says", "figure of its limit (samples)", "why"):
        table.add_column(column)
    for one in gates:
        trial = (" (dry run)" if one.dry_run else "", "dim")
        says = words((one.verdict.outcome.value, _COLOURS[one.verdict.outcome]), trial)
        when = "at its end" if one.inline else "all along"
        table.add_row(one.name, when, says, figures_line(one.verdict.evidence), _why(one.verdict))
    if old := stale(rollout, now_ms):
        table.add_row("", "", words("blind" if rollout.blind else "old", style="bold yellow"), "", old)
    return table


def evidence_values(rollout: Rollout, now_ms: int) -> dict[str, object]:
    """Return the same as plain values; times in ISO 8601, UTC."""
    return {
        "gates": [
            {
                "gate": one.name,
                "kind": one.kind,
                "inline": one.inline,
                "dry_run": one.dry_run,
                "outcome": one.verdict.outcome.value,
                "reason": one.verdict.reason,
                "guilty": list(one.verdict.guilty),
                "figures": [
                    {
                        "name": figure.name,
                        "value": _finite(figure.value),
                        "limit": _finite(figure.limit),
                        "samples": figure.samples,
                    }
                    for figure in one.verdict.evidence
                ],
            }
            for one in asked(rollout)
        ],
        "missing": [] if rollout.phase is Phase.PREPARING else list(missing(rollout, now_ms)),
        "waiting": rollout.waiting,
        "blind": rollout.blind,
        "measured_at": iso(rollout.seen_ms / 1000) if rollout.seen_ms >= 0 else None,
    }


def figures_line(figures: Iterable[Figure]) -> str:
    """Return figures in a line: "errors 12.5 of 1000 (480)"."""
    return ", ".join(f"{one.name} {_read(one.value)} of {_read(one.limit)} ({one.samples})" for one in figures)


def _read(value: float) -> str:
    """Return a number without powers of ten: "0.989", "16500", "937 M"; only what is beyond every unit has one."""
    size = abs(value)
    if size < 0.001:
        return "0" if size == 0 else "about 0"
    if size < 999.5:
        return f"{value:.3g}"
    if size < 1_000_000:
        return f"{value:.0f}"
    for unit, name in ((1e6, "M"), (1e9, "G"), (1e12, "T")):
        if size < 1000 * unit:
            return f"{value / unit:.4g} {name}"
    return f"{value:.3g}"


def _why(verdict: Verdict) -> str:
    return f"guilty: {', '.join(verdict.guilty)}; {verdict.reason}" if verdict.guilty else verdict.reason


def _finite(value: float) -> float:
    # JSON knows no infinity, and an e-value may grow beyond every number.
    return max(-sys.float_info.max, min(sys.float_info.max, value))
