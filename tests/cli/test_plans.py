"""`segue plan`: a bad plan is told what to change, a good one what it will do; both without any neighbour."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from controller.cli.foretold import duration, error, questions, span, way
from controller.cli.ladder import explained
from controller.core.foresight import foresee
from controller.core.plan import NAMED_PLANS, Plan
from controller.wire.written import plan_from, plan_object
from tests.cli.segue import Segue, segue_in
from tests.wire.test_plans import EVERYTHING


@pytest.fixture
def segue(tmp_path: Path) -> Segue:
    """The command on empty folders."""
    return segue_in(tmp_path)


def written(tmp_path: Path, text: str) -> str:
    """Write a plan into a file and return its path."""
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    return str(file)


def shown(plan: Plan) -> str:
    """Return what `segue plan explain` prints, on a wide terminal, in one line."""
    console = Console(width=400, record=True, file=StringIO())
    console.print(explained(plan))
    return " ".join(console.export_text().split())


def test_a_good_plan_is_told_so(segue: Segue, tmp_path: Path) -> None:
    """Check names the plan and its gates, and ends well."""
    done = segue("plan", "check", written(tmp_path, "{name: evening, steps: [{weight: 5 %, hold: 1h}]}"))
    assert done.code == 0, done.err
    assert "is a plan: evening, 1 step, gates: evidence, memory" in done.out


def test_a_good_plan_is_told_in_full_to_programs(segue: Segue, tmp_path: Path) -> None:
    """With --json the plan comes back as it would be journalled."""
    said = segue.json("plan", "check", written(tmp_path, "{steps: [{weight: 5 %, hold: 1h}], gates: []}"))
    assert said["valid"] is True
    assert [(step["weight_bp"], step["hold_s"]) for step in said["plan"]["steps"]] == [(500, 3600.0)]
    assert "no gate of kind evidence watches" in said["remarks"][0]


def test_a_bad_plan_is_told_where_what_and_what_is_allowed(segue: Segue, tmp_path: Path) -> None:
    """The sentence names file, place, value and what is allowed; the exit code says: not understood."""
    file = written(tmp_path, "steps: [{weight: 5 %, hold: 1h}, {weight: 50 %, hold: soon}]")
    done = segue("plan", "check", file)
    assert done.code == 2
    assert f"{file}: plan.steps.1.hold is 'soon'; allowed: text such as" in done.err
    assert "steps.1.hold" in segue.json("plan", "check", file, code=2)["error"]


def test_a_plan_that_is_not_there_names_those_that_are(segue: Segue) -> None:
    """Whoever mistypes a name learns which there are."""
    done = segue("plan", "check", "carefull")
    assert done.code == 1
    assert "choose careful, quick, at-once" in done.err


def test_explain_tells_the_careful_plan(segue: Segue) -> None:
    """The ladder, the times and the odds of the default plan stand in its explanation."""
    said = " ".join(segue("plan", "explain", "careful").out.split())
    for words in (
        "5 % 24 h",
        "At least 24 h 10 min",
        "within 3 d 20 min of the request",
        "At most 0.2 % (one healthy release in 500) in 48 h of watching",
        "the former one stays loaded",
        "proven worse in errors, latency, time to first audio (ttfa) and real-time factor (rtf) is taken back",
    ):
        assert words in said


def test_every_thing_a_plan_says_is_explained() -> None:
    """Nothing of a plan goes unsaid: each gate, segment, hour and time is in the explanation."""
    said = shown(plan_from(plan_object(EVERYTHING.encode())))
    for words in (
        "mirror 10 %",
        "for at least 1 h 30 min, and until it is proven good enough, nobody hears the candidate but those who force",
        "Of segment staff (tier staff) 50 % hear it.",
        "Segment vip (header:x-plan gold and tier vip) does not hear it.",
        "first 1 min 30 s is not judged",
        "lab and approval-voice-lead must pass",
        "3 readings in a row above 10 or below 0.5 of `queue_length`",
        "Silence counts as failing.",
        "On trial: it decides nothing.",
        "both releases speak 5 golden prompts",
        "somebody of the role voice-lead approves",
        "other services' rollouts that come first is above 2",
        "mon, tue, wed, thu from 09:00 to 17:30, Europe/Berlin",
        "10 % over stable's footprint or over 8000000000 bytes for 2 min",
        "proven worse in errors and time to first audio (ttfa)",
        "for 48 h the former one stays loaded",
        "not barred from returning",
    ):
        assert words in said, words


@pytest.mark.parametrize("name", NAMED_PLANS)
def test_built_in_plans_explain_themselves(name: str) -> None:
    """Each plan that a request may name has its way, its questions, its times and its odds."""
    plan = NAMED_PLANS[name]
    foresight = foresee(plan)
    assert len(way(plan, foresight)) >= 2 + len(plan.steps)
    assert len(questions(plan)) == len(plan.gates)
    assert duration(plan, foresight).endswith(".")
    assert error(plan, foresight).endswith(".")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "no time"),
        (90, "1 min 30 s"),
        (86_400, "24 h"),
        (2 * 86_400, "48 h"),
        (260_400, "3 d 20 min"),
        (0.25, "0.25 s"),
        (3600.5, "1 h 0.5 s"),
    ],
)
def test_spans_are_told_exactly(seconds: float, text: str) -> None:
    """A time is told in units that people use, and nothing is rounded away."""
    assert span(seconds) == text


def test_a_rollout_is_checked_against_the_same_language(segue: Segue, tmp_path: Path) -> None:
    """`segue plan check` and a rollout read one language: JSON is part of it."""
    file = written(tmp_path, json.dumps({"steps": [{"weight": "5 %", "hold": "1h"}]}))
    assert segue("plan", "check", file).code == 0
