"""`segue` as a person calls it: a process with an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.parts.installed import ROOT

COMMAND = (sys.executable, "-m", "controller.cli")
TONE = ROOT / "tests" / "models" / "tone"


@dataclass(frozen=True, slots=True)
class Done:
    """How a call ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Segue:
    """The command with one data folder; `env` is the whole environment of every call."""

    env: Mapping[str, str]

    def __call__(self, *arguments: str, within_s: float = 60) -> Done:
        """Run one verb to its end."""
        done = subprocess.run(
            [*COMMAND, *arguments], env=self.env, capture_output=True, text=True, timeout=within_s, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        """Run one verb with --json; it must end with `code`, or in any way when that is None. Returns its answer."""
        done = self(*arguments, "--json")
        assert code is None or done.code == code, done.out + done.err
        return json.loads(done.out)

    def start_up(self) -> "subprocess.Popen[str]":
        """Start `segue up` on free ports, at the fast pace, and return it at once."""
        argv = [*COMMAND, "up", "--free-ports", "--pace", "fast", "--json"]
        return subprocess.Popen(argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def segue_in(folder: Path, **more: str) -> Segue:
    """Return the command with its data and its model repository in this folder, and no setting from outside."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    own = {
        "SEGUE_DATA": str(folder / "data"),
        "SEGUE_REPOSITORY": str(folder / "models"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    if local := os.environ.get("SEGUE_LOCAL"):
        own["SEGUE_LOCAL"] = local
    return Segue({**inherited, **own, **more})
