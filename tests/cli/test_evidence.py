"""What people see of gates: what each says, by which figures, what is missing, and what the rollout waits for."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from controller.cli.evidence import evidence_table, evidence_values, figures_line
from controller.cli.picture import awaited, picture, values
from controller.core.gate import Figure
from controller.core.gates import Gate, GateKind
from controller.core.plan import Plan, Step, Until
from controller.core.readings import Reading
from controller.core.state import State
from controller.journal.views import Service
from controller.wire.codec import GENESIS_HASH
from tests.core.watching import BEGAN_MS, EVIDENCE, QUEUE, SECOND, arm, at_end, blind, holding, live, running, window
from tests.spec import SERVICE, Given

EAR = Gate("ear", GateKind.APPROVAL)
TRIAL = replace(QUEUE, dry_run=True)
PLAN = Plan("seen", (Step(500, 60, Until.EVIDENCE, gates=("ear",)), Step(5000, 60)), gates=(EVIDENCE, TRIAL, EAR))
SEEN = [window(number, arm(25), arm(475), Reading("queue", 20.0)) for number in range(1, 4)]


def drawn(given: Given, now_ms: int) -> str:
    """The whole picture as text."""
    out = io.StringIO()
    Console(file=out, width=220).print(picture(Service(SERVICE, 9, now_ms, GENESIS_HASH, given.state), [], now_ms))
    return out.getvalue()


def seen(given: Given, now_ms: int) -> dict[str, dict[str, object]]:
    """What programs get of each gate, by its name, through JSON as they do."""
    told = json.loads(json.dumps(evidence_values(running(given), now_ms), allow_nan=False))
    return {one["gate"]: one for one in told["gates"]}


def test_each_gate_shows_its_figures_against_their_limits() -> None:
    """E-values stand beside the threshold with the samples behind them, measure by measure, and all together."""
    given, _ = live(holding(PLAN), *SEEN)
    gates = seen(given, BEGAN_MS + 31 * SECOND)
    assert list(gates) == ["evidence", "queue", "ear", "promotion"]
    figures = {figure["name"]: figure for figure in gates["evidence"]["figures"]}  # type: ignore[attr-defined]  # a list of objects
    assert {"errors", "latency", "ttfa", "rtf", "all together"} == set(figures)
    assert figures["all together"]["limit"] == 1 / PLAN.rules.alpha
    assert figures["latency"]["samples"] > 0
    assert gates["evidence"]["outcome"] == "pass"
    assert (gates["ear"]["outcome"], gates["ear"]["inline"]) == ("inconclusive", True)
    lines = drawn(given, BEGAN_MS + 31 * SECOND)
    assert "evidence" in lines
    assert "of 1000 (" in lines
    assert "not yet proven good enough" in lines


def test_a_gate_on_trial_is_marked() -> None:
    """Nobody takes the answer of a dry run for one that decides."""
    given, _ = live(holding(PLAN), *SEEN)
    gate = seen(given, BEGAN_MS + 31 * SECOND)["queue"]
    assert (gate["outcome"], gate["dry_run"], gate["guilty"]) == ("fail", True, ["queue"])
    lines = drawn(given, BEGAN_MS + 31 * SECOND)
    assert "fail (dry run)" in lines
    assert "guilty: queue; queue is 20" in lines


def test_what_is_missing_is_told_by_sentences() -> None:
    """A rollout that waits says for what, as things are now, and when its time ends."""
    given, _ = live(holding(PLAN), *SEEN)
    given, _ = at_end(given, 4)
    now_ms = BEGAN_MS + 45 * SECOND
    told = awaited(given.state, now_ms)
    assert told.startswith("ear waits for somebody to approve it; not yet proven good enough: errors")
    assert "; then 50 %, or the end of its time in 23:59:56" in told
    assert evidence_values(running(given), now_ms)["missing"] == told.partition("; then")[0].split("; ")


def test_a_running_hold_names_the_gates_at_its_end() -> None:
    """Whoever watches knows before the hold ends who is asked then."""
    assert awaited(holding(PLAN).state, BEGAN_MS) == "the end of the hold in 1:00 and ear, promotion to pass, then 50 %"


def test_blindness_is_seen() -> None:
    """That nothing is measured, and why, stands beside the gates."""
    given, _ = live(holding(PLAN), *SEEN, blind(4))
    now_ms = BEGAN_MS + 41 * SECOND
    assert evidence_values(running(given), now_ms)["blind"] == "Prometheus is away"
    lines = drawn(given, now_ms)
    assert "blind" in lines
    assert "nothing is measured: Prometheus is away" in lines


def test_without_gates_there_is_no_table() -> None:
    """A plan that walks by the clock shows no empty table, and neither does a rollout that still prepares."""
    assert evidence_table(running(holding(Plan("clock", (Step(500, 60),)))), BEGAN_MS) is None
    preparing = holding(PLAN).state
    assert preparing.rollout is not None
    told = values(Service(SERVICE, 1, 0, GENESIS_HASH, State(SERVICE)), 0)
    assert told["rollout"] is None


@pytest.mark.parametrize(
    ("value", "limit", "line"),
    [
        (0.98931, 1000.0, "latency 0.989 of 1000 (5)"),
        (16_532.1, 1000.0, "latency 16532 of 1000 (5)"),
        (0.0000004, 5.0, "latency about 0 of 5 (5)"),
        (0.0, 20.0, "latency 0 of 20 (5)"),
        (-0.15, 0.1, "latency -0.15 of 0.1 (5)"),
        (1_203_000_000.0, 937_400_000.0, "latency 1.203 G of 937.4 M (5)"),
    ],
)
def test_figures_are_read_without_powers_of_ten(value: float, limit: float, line: str) -> None:
    """Small and large figures stand in the digits that people read."""
    assert figures_line([Figure("latency", value, limit, 5)]) == line
