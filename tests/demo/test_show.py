"""What the demo prints when something else comes than was promised."""

from pathlib import Path

import pytest

from controller.demo.promise import Otherwise
from controller.demo.show import Show

DATA = Path.cwd() / ".local/demo/segue"
CAME = Otherwise("1.5.0 is promoted within 100 s", "hibari-2 was taken back: it failed", "hibari-2")


def shown(free: float, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed where so many cores are free, in one line."""
    Show(DATA).otherwise(CAME, ["09:00 ci asked for it.", "09:01 It failed."], free)
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_what_was_promised_and_what_came_are_said_with_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The promise, what came instead, the rollout's story, and how to ask on, as it can be typed."""
    said = shown(2.0, capsys)
    assert "promised 1.5.0 is promoted within 100 s" in said
    assert "instead hibari-2 was taken back: it failed" in said
    assert "its story 09:00 ci asked for it. 09:01 It failed." in said
    assert "ask SEGUE_DATA=.local/demo/segue .local/venv/bin/segue explain hibari-2" in said
    assert "logs below .local/demo/segue" in said
    assert "busy" not in said


def test_a_busy_machine_is_named_as_what_may_be_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the demo gets less of the machine than it needs, the message says so, and what to do."""
    said = shown(0.4, capsys)
    assert "0.4 are free for the demo, which needs 1.5. That may be why: try again when it is calm" in said


def test_a_place_below_here_is_told_as_it_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """A scene's fact names its folder in full; what is printed, and kept as a picture, names no folder of a machine."""
    show = Show(DATA)
    show.happened(f"kept in {Path.cwd()}/.local/demo/scenes/hibari-3 (segue scene hibari-3)")
    show.otherwise(CAME, [f"kept in {Path.cwd()}/.local/demo/scenes/hibari-2"], 2.0)
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert (
        "kept in .local/demo/scenes/hibari-3 (SEGUE_DATA=.local/demo/segue .local/venv/bin/segue scene hibari-3)"
        in said
    )
    assert "kept in .local/demo/scenes/hibari-2" in said
