"""What would have become of it by another plan: asked of the record afterwards, by somebody who may only read."""

from pathlib import Path
from typing import Any

from controller.core.events import RolloutAborted, RolloutStarted, WindowMeasured
from controller.log import iso
from tests.journey.asking import segue
from tests.journey.measuring import measure
from tests.journey.test_gates import QUEUE, asked, taken_back
from tests.journey.test_replay import replay
from tests.journey.world import Tale


def times(tale: Tale, kind: type) -> list[str]:
    """Return when facts of a kind were decided."""
    return [iso(fact.at_ms / 1000) for fact in tale.facts() if isinstance(fact.event, kind)]


def test_policy_backtest_on_recorded_history(tale: Tale, tmp_path: Path) -> None:
    """Given a release that three bad readings took back, another plan is tried on them; the journal stays as it is."""
    told = asked(tale, [{**QUEUE, "persist": 3}])
    for _ in range(3):
        measure(tale, {"queue": 20})
    taken_back(tale, [*told, *["WindowMeasured"] * 3, "GateJudged queue fail"], "gate")
    facts, before = tale.sentences(), replay(tale, "sql")

    def backtest(plan: str) -> tuple[dict[str, Any], dict[str, Any]]:
        file = tmp_path / "plan.yaml"
        file.write_text(plan)
        answer = segue(tale.world).json("backtest", "--service", tale.service, "--plan", str(file))
        first, second = answer["rollouts"]
        assert first["would_have"] == first["happened"], "nobody walks a first release"
        assert first["unknown"] == ""
        return second, second["would_have"]

    (_, began), (ended,) = times(tale, RolloutStarted), times(tale, RolloutAborted)
    measured = times(tale, WindowMeasured)
    queue = "{kind: prometheus, name: queue, query: queue_length, above: 10}"
    second, would_have = backtest(f"{{name: strict, steps: [{{weight: 5 %, hold: 1h}}], gates: [{queue}]}}")
    assert second["rollout"] == f"{tale.service}-2"
    assert second["happened"] == {
        "outcome": "aborted",
        "reason": "queue is 20; it fails above 10",
        "began_at": began,
        "ended_at": ended,
        "most_bp": 500,
    }
    assert ended == measured[2]
    # The first of the three readings would have been enough.
    assert would_have == {**second["happened"], "ended_at": measured[0]}
    assert second["unknown"] == ""

    second, would_have = backtest("{name: deaf, steps: [{weight: 5 %, hold: 1h}], gates: []}")
    assert (would_have["outcome"], would_have["ended_at"]) == ("running", None)
    assert second["unknown"] == "it was over before (aborted): what it would have shown later is not on record"

    after = replay(tale, "sql")
    # The drained candidate may be unloaded meanwhile: a fact more, and no other state.
    for hash in ("state_sha256", "table_sha256"):
        assert after[hash] == before[hash]
    assert tale.sentences() == facts
