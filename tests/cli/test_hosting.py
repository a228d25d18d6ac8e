"""A process of the tree: `segue run` without its command line."""

import subprocess
import sys
from pathlib import Path

from controller.parts.installed import ROOT
from tests.cli.segue import segue_in


def hosting(tmp_path: Path, *names: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Start a process as a tree does, which is to end by itself."""
    argv = [sys.executable, "-m", "controller.cli.hosting", *names]
    env = segue_in(tmp_path, **settings).env
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)


def test_settings_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    """They also say how to log, so there is no log yet."""
    done = hosting(tmp_path, "timers", SEGUE_WORKER_PORT="many")
    assert done.returncode == 2
    assert done.stderr.startswith("segue: SEGUE_WORKER_PORT")
    assert "Traceback" not in done.stderr


def test_what_ends_a_process_is_its_last_line_in_the_log(tmp_path: Path) -> None:
    """With the code of its kind: this one is no neighbour that is away."""
    done = hosting(tmp_path, "timerz")
    assert done.returncode == 1
    assert "there is no function 'timerz'; choose among rollouts" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_it_reads_no_verbs() -> None:
    """Nor what reads them: that is what it is for."""
    for what in ("consumers.run", "controller.api", "controller.gateway"):
        told = f"import sys, controller.cli.hosting, {what}; print(sorted({{'typer', 'rich'}} & sys.modules.keys()))"
        done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n", what
