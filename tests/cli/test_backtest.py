"""`segue backtest`: another plan is tried on what was recorded, and what no record can say is not made up."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from controller.handle import handle
from controller.journal import Store
from controller.wire.messages import MessageType
from tests.cli.past import segue_after
from tests.cli.segue import Segue
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


REVERTED = {
    **TAKEN_BACK,
    "outcome": "reverted",
    "reason": "alert SpeechErrors fired inside the guard window",
    "most_bp": 0,
}
PROMOTED = "promoted, it would have had all traffic: what that would have shown is not on record"
ALONE = "hibari"
OTHER = "suzume"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder, which no test changes."""
    return tmp_path_factory.mktemp("lived") / "data"


@pytest.fixture(scope="module")
def segue(folder: Path) -> Segue:
    """
    The command where 1.5.0 had 5 % of the traffic of 1.4.0 when an alert took it back four seconds later.

    So it went with hibari, which has a plan of its own, and with suzume an hour after that.
    """

    async def live(store: Store) -> None:
        evening = {"name": "evening", "steps": [{"weight": "1 %", "hold": "1s"}], "gates": []}
        own = ordered(MessageType.PLAN, 9_000, name="evening", plan=evening)
        await handle(store, [*installed(), own, *rolling("1.5.0", 10_000), alert("1.5.0", 15_000)])
        later = [*rolling("1.5.0", 3_610_000, OTHER), alert("1.5.0", 3_615_000, "later", OTHER)]
        await handle(store, [*installed(OTHER), *later])

    return segue_after(folder.parent, live)


def test_other_plan_is_compared_rollout_by_rollout(segue: Segue) -> None:
    """For each rollout it tells what happened, what would have happened, when, and whom that reached."""
    told = segue.json("backtest", "--service", ALONE, "--plan", "at-once")
    first, second = told.pop("rollouts")
    assert first == {
        "service": ALONE,
        "rollout": "hibari-1",
        "release": "1.4.0",
        "request": "request-1.4.0-1000",
        "happened": INSTALLED,
        "would_have": INSTALLED,
        "change": "same",
        "unknown": "",
        "reached": None,
        "would_reach": None,
    }
    assert second == {
        "service": ALONE,
        "rollout": "hibari-2",
        "release": "1.5.0",
        "request": "request-1.5.0-10000",
        "happened": TAKEN_BACK,
        "would_have": REVERTED,
        "change": "unknown",
        "unknown": PROMOTED,
        "reached": {"requests": 0, "lasted_s": 4.0, "uncounted_s": 4.0},
        "would_reach": {"requests": 0, "lasted_s": 4.0, "uncounted_s": 4.0},
    }
    summary = told.pop("summary")
    assert (summary["rollouts"], summary["same"], summary["unknown"]) == (2, 1, 1)
    assert told == {"policy": "at-once"}


def test_all_services_are_tried_at_once(segue: Segue) -> None:
    """Without a service all are decided again, side by side, and stderr says how far it is."""
    done = segue("backtest", "--plan", "at-once", "--json")
    rollouts = json.loads(done.out)["rollouts"]
    assert [one["rollout"] for one in rollouts] == ["hibari-1", "hibari-2", "suzume-1", "suzume-2"]
    assert [one["would_have"]["outcome"] for one in rollouts] == ["promoted", "reverted"] * 2
    assert "2 rollouts decided again; services: 2 of 2" in done.err


def test_only_rollouts_since_a_time_are_told(segue: Segue) -> None:
    """Those that began before are taken as they were."""
    rollouts = segue.json("backtest", "--plan", "at-once", "--since", "1970-01-01T01:00:00Z")["rollouts"]
    assert [one["rollout"] for one in rollouts] == ["suzume-2"]
    assert "--since is 'noon'" in segue("backtest", "--plan", "at-once", "--since", "noon").err


def test_other_alert_policy_is_tried_without_a_plan(segue: Segue, tmp_path: Path) -> None:
    """Where alerts only tell, the release walks on by the plan that it had, as far as the record goes."""
    file = tmp_path / "deaf.yaml"
    file.write_text("{rules: [], otherwise: notify}")
    told = segue.json("backtest", "--service", ALONE, "--alerts", str(file))
    assert told["policy"] == "alerts of deaf.yaml"
    second = told["rollouts"][1]
    assert second["would_have"] == {**TAKEN_BACK, "outcome": "running", "reason": "nightly", "ended_at": None}
    assert second["unknown"].startswith("it was over before (aborted)")
    file.write_text("{rules: [{label: severity, value: critical, action: panic}]}")
    assert "alerts.rules.0.action is 'panic'" in segue("backtest", "--alerts", str(file)).err
    assert "nothing is tried" in segue("backtest").err


def test_people_read_a_table_with_what_is_not_known(segue: Segue, tmp_path: Path) -> None:
    """A plan from a file; where it would have had more traffic than anybody saw, the table says so in a line."""
    file = tmp_path / "bold.yaml"
    file.write_text("{name: bold, steps: [{weight: 50 %, hold: 1h}], gates: []}")
    done = segue("backtest", "--service", ALONE, "--plan", str(file))
    assert done.code == 0, done.err
    *_, happened, bold, unknown, _, head, totals = (" ".join(line.split()) for line in done.out.splitlines())
    when, reached = "1970-01-01T00:00:10.000Z 1970-01-01T00:00:15.000Z", "0 0:04, 0:04 not counted"
    assert happened == f"hibari-2 1.5.0 as it was aborted {when} 5 % {reached} alert SpeechErrors fired for 1.5.0"
    assert bold == f"bold aborted {when} 50 % {reached} alert SpeechErrors fired for 1.5.0"
    assert unknown.startswith("bold not known it would have had more traffic than it had")
    assert head.startswith("rollouts same earlier later other outcome unknown requests saved added time saved")
    assert totals == "2 1 0 0 0 1 0 0 0:00 0:00 0:00"


def test_plan_of_the_service_itself_is_known_by_its_name(segue: Segue) -> None:
    """What the service calls evening is tried as it is now; its one second would have been over before the alert."""
    second = segue.json("backtest", "--service", ALONE, "--plan", "evening")["rollouts"][1]
    assert second["would_have"] == {**REVERTED, "most_bp": 100}
    assert "suzume has no plan called evening" in segue("backtest", "--plan", "evening").err


def test_comparison_is_drawn(segue: Segue, tmp_path: Path) -> None:
    """The chart shows how rollouts end either way, and whom bad releases reached, as SVG without a script."""
    file = tmp_path / "backtest.svg"
    later = tmp_path / "later.yaml"
    later.write_text("{name: later, steps: [{weight: 0 %, hold: 2s}, {weight: 5 %, hold: 1h}], gates: []}")
    done = segue("backtest", "--service", ALONE, "--plan", str(later), "--chart", str(file))
    assert done.code == 0, done.err
    texts = _texts(file)
    assert {"How rollouts end", "Time that bad releases had users", "as it was", "later", "hibari-2"} <= texts
    nowhere = ("--chart", str(tmp_path / "none" / "backtest.svg"))
    assert "none/backtest.svg cannot be written" in segue("backtest", "--plan", "at-once", *nowhere).err


def test_another_kind_of_chart_is_refused(segue: Segue, tmp_path: Path) -> None:
    """Before anything is decided, and with what is allowed; no file is left under a name that says otherwise."""
    file = tmp_path / "backtest.png"
    refused = segue("backtest", "--plan", "at-once", "--chart", str(file))
    assert (refused.code, file.exists()) == (2, False)
    assert refused.err == f"segue: --chart is {file}; allowed: a file that ends in .svg\n"


def test_what_is_unknown_is_drawn_as_that(segue: Segue, tmp_path: Path) -> None:
    """It has bars of its own among the outcomes, and none among the bad releases."""
    file = tmp_path / "backtest.svg"
    assert segue("backtest", "--service", ALONE, "--plan", "at-once", "--chart", str(file)).code == 0
    texts = _texts(file)
    assert {"How rollouts end", "unknown"} <= texts
    assert not {"Time that bad releases had users", "hibari-2"} & texts


def _texts(file: Path) -> set[str | None]:
    drawn = ElementTree.fromstring(file.read_bytes())  # noqa: S314 - it was just drawn here
    return {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}


def test_database_stays_byte_for_byte(segue: Segue, folder: Path) -> None:
    """Nothing is changed by it."""
    before = _bytes(folder)
    assert segue("backtest", "--plan", "at-once").code == 0
    assert _bytes(folder) == before


def _bytes(folder: Path) -> dict[str, bytes]:
    # Beside the database lies an index of its log, which every reader maps anew; nothing lasts there.
    return {file.name: file.read_bytes() for file in folder.glob("segue.db*") if not file.name.endswith("-shm")}


def test_a_mistake_is_told(segue: Segue, tmp_path: Path) -> None:
    """A service without a history is told with those that have one, a bad plan with its place."""
    done = segue("backtest", "--service", "hibary", "--plan", "quick")
    assert done.code == 1
    assert "nothing was ever recorded for a service hibary; known services: hibari, suzume" in done.err
    file = tmp_path / "bad.yaml"
    file.write_text("steps: [{weight: 5 %, hold: soon}]")
    assert "plan.steps.0.hold is 'soon'" in segue("backtest", "--plan", str(file)).err
    assert "there is no plan evening.yaml" in segue("backtest", "--plan", "evening.yaml").err
