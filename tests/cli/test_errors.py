"""An error is one sentence that says what to do, and an exit code that says whether to try again."""

from pathlib import Path

import pytest

from controller.parts.ports import LOOPBACK, free_port
from tests.cli.segue import TONE, Segue, segue_in

START = ("rollout", "start", "hibari", "--reason", "a test says so")


@pytest.fixture
def segue(tmp_path: Path) -> Segue:
    """The command on empty folders."""
    return segue_in(tmp_path)


def away(tmp_path: Path) -> Segue:
    """The command with a Kafka that is not there."""
    return segue_in(tmp_path, SEGUE_KAFKA=f"{LOOPBACK}:{free_port()}")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("status",), 1, "start it with `segue up`"),
        (("down",), 1, "start it with `segue up`"),
        (("topics",), 1, "set SEGUE_KAFKA to host:port"),
        (("history", "hibari"), 1, "start Segue there with `segue up`"),
        (("run", "gatewy"), 2, "choose among rollouts"),
        (("run", "gateway", "api"), 2, "wants a process of its own"),
        (("release", "build", "hibary", "--version", "1"), 1, "no voice family 'hibary'"),
        (("release", "build", str(TONE), "--version", "1", "--param", "x"), 2, "write stage.key=value"),
        (("rollout", "pause", "hibari"), 2, "--reason"),
        (("replay", "--from", "memory"), 2, "kafka"),
        (("replay", "--service", "hibari", "--until", "9" * 20), 2, "allowed: a fact's position, such as 40"),
        (("replay", "--service", "hibari", "--until", "9" * 5_000), 2, "allowed: a fact's position, such as 40"),
    ],
)
def test_a_mistake_is_one_sentence(segue: Segue, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    """A mistake ends with its code and says what to do, without a traceback."""
    done = segue(*arguments)
    assert done.code == code, done.out + done.err
    assert sentence in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err


def test_an_unknown_release_is_refused_at_once_with_what_exists(tmp_path: Path) -> None:
    """Asking for a release that was never built names those that were, before anything is published."""
    segue = away(tmp_path)
    assert "build one with `segue release build`" in segue(*START, "--release", "9.9.9").err
    built = segue.json("release", "build", str(TONE), "--version", "1.0.0")
    done = segue(*START, "--release", "9.9.9")
    assert done.code == 1
    assert f"holds no release 9.9.9; it holds 1.0.0 ({built['ensemble']})" in done.err


def test_a_version_of_two_voices_must_be_named_by_its_ensemble(tmp_path: Path) -> None:
    """When two models have the same version, their ensembles are named."""
    segue = away(tmp_path)
    segue.json("release", "build", str(TONE), "--version", "1.0.0")
    segue.json("release", "build", str(TONE), "--version", "1.0.0", "--model", "other")
    done = segue(*START, "--release", "1.0.0")
    assert done.code == 1
    assert "2 releases are called 1.0.0" in done.err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--plan", "carefull.yaml"), "choose careful, quick, at-once"),
        (("--plan", "fast lane"), "data.plan is 'fast lane'"),
        (("--plan", "plan.json"), "data.plan"),
        (("--reason", " "), "data.reason"),
    ],
)
def test_what_segue_could_not_read_is_not_published(tmp_path: Path, more: tuple[str, str], sentence: str) -> None:
    """A wrong plan or an empty reason is refused here; Kafka, which is away, was never asked."""
    plan = tmp_path / "plan.json"
    plan.write_text('{"steps": [{"weight_bp": 5000, "hold_s": 1}, {"weight_bp": 500, "hold_s": 1}]}')
    segue = away(tmp_path)
    segue.json("release", "build", str(TONE), "--version", "1.0.0")
    done = segue(*START, "--release", "1.0.0", more[0], more[1].replace("plan.json", str(plan)))
    assert done.code in (1, 2), done.err
    assert sentence in done.err


def test_a_kafka_that_is_away_can_be_tried_again(tmp_path: Path) -> None:
    """Without Kafka a message cannot be published: 3, and the sentence names the address."""
    segue = away(tmp_path)
    segue.json("release", "build", str(TONE), "--version", "1.0.0")
    done = segue(*START, "--release", "1.0.0")
    assert done.code == 3, done.err
    assert segue.env["SEGUE_KAFKA"] in done.err
    assert "Traceback" not in done.err
