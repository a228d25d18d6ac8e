"""`segue backtest`: another plan is tried on what was recorded, and what no record can say is not made up."""

import asyncio
from pathlib import Path

import pytest

from controller.handle import handle
from controller.journal import open_store
from controller.journal.schema import upgrade
from controller.wire.messages import MessageType
from tests.cli.segue import Segue, segue_in
from tests.journal.messages import alert, installed, ordered, rolling

INSTALLED = {
    "outcome": "promoted",
    "reason": "it is the first release of the service and its probe spoke",
    "began_at": "1970-01-01T00:00:01.000Z",
    "ended_at": "1970-01-01T00:00:02.000Z",
    "most_bp": 0,
}
TAKEN_BACK = {
    "outcome": "aborted",
    "reason": "alert SpeechErrors fired for 1.5.0",
    "began_at": "1970-01-01T00:00:10.000Z",
    "ended_at": "1970-01-01T00:00:15.000Z",
    "most_bp": 500,
}


@pytest.fixture
def segue(tmp_path: Path) -> Segue:
    """The command where 1.5.0 had 5 % of the traffic of 1.4.0 when an alert took it back four seconds later."""

    async def live(url: str) -> None:
        store = await open_store(url)
        evening = {"name": "evening", "steps": [{"weight": "1 %", "hold": "1s"}], "gates": []}
        own = ordered(MessageType.PLAN, 9_000, name="evening", plan=evening)
        await handle(store, [*installed(), own, *rolling("1.5.0", 10_000), alert("1.5.0", 15_000)])
        await store.close()

    (tmp_path / "data").mkdir()
    url = f"sqlite:///{tmp_path / 'data' / 'segue.db'}"
    upgrade(url)
    asyncio.run(live(url))
    return segue_in(tmp_path)


def test_other_plan_is_compared_rollout_by_rollout(segue: Segue) -> None:
    """For each rollout it tells what happened, what would have happened, and when; and it writes nothing."""
    before = segue.json("history", "hibari")
    told = segue.json("backtest", "hibari", "--plan", "at-once")
    first, second = told.pop("rollouts")
    assert told == {"service": "hibari", "plan": "at-once"}
    assert first == {
        "rollout": "hibari-1",
        "release": "1.4.0",
        "request": "request-1.4.0-1000",
        "happened": INSTALLED,
        "would_have": INSTALLED,
        "unknown": "",
    }
    assert second == {
        "rollout": "hibari-2",
        "release": "1.5.0",
        "request": "request-1.5.0-10000",
        "happened": TAKEN_BACK,
        "would_have": {
            **TAKEN_BACK,
            "outcome": "reverted",
            "reason": "alert SpeechErrors fired inside the guard window",
            "most_bp": 0,
        },
        "unknown": "promoted, it would have had all traffic: what that would have shown is not on record",
    }
    assert segue.json("history", "hibari") == before


def test_people_read_a_table_with_what_is_not_known(segue: Segue, tmp_path: Path) -> None:
    """A plan from a file; where it would have had more traffic than anybody saw, the table says so in a line."""
    file = tmp_path / "bold.yaml"
    file.write_text("{name: bold, steps: [{weight: 50 %, hold: 1h}], gates: []}")
    done = segue("backtest", "hibari", "--plan", str(file))
    assert done.code == 0, done.err
    *_, happened, bold, unknown = (" ".join(line.split()) for line in done.out.splitlines())
    when = "1970-01-01T00:00:10.000Z 1970-01-01T00:00:15.000Z"
    assert happened == f"hibari-2 1.5.0 as it was aborted {when} 5 % alert SpeechErrors fired for 1.5.0"
    assert bold == f"bold aborted {when} 50 % alert SpeechErrors fired for 1.5.0"
    assert unknown.startswith("bold not known it would have had more traffic than it had")


def test_plan_of_the_service_itself_is_known_by_its_name(segue: Segue) -> None:
    """What the service calls evening is tried as it is now; its one second would have been over before the alert."""
    second = segue.json("backtest", "hibari", "--plan", "evening")["rollouts"][1]
    assert second["would_have"] == {
        **TAKEN_BACK,
        "outcome": "reverted",
        "reason": "alert SpeechErrors fired inside the guard window",
        "most_bp": 100,
    }


def test_a_mistake_is_told(segue: Segue, tmp_path: Path) -> None:
    """A service without a history is told with those that have one, a bad plan with its place."""
    done = segue("backtest", "hibary", "--plan", "quick")
    assert done.code == 1
    assert "nothing was ever recorded for a service hibary; known services: hibari" in done.err
    file = tmp_path / "bad.yaml"
    file.write_text("steps: [{weight: 5 %, hold: soon}]")
    assert "plan.steps.0.hold is 'soon'" in segue("backtest", "hibari", "--plan", str(file)).err
    assert "there is no plan evening.yaml" in segue("backtest", "hibari", "--plan", "evening.yaml").err
