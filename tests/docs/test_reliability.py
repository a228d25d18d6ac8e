"""docs/reliability.md names places that exist and commands that are understood."""

import re
import shlex
import subprocess
import sys

import pytest

from controller.parts.installed import ROOT

TEXT = (ROOT / "docs" / "reliability.md").read_text()
PLACES = sorted(set(re.findall(r"`((?:controller|consumers|tests)/[a-z_/.]*)`", TEXT)))
OPTIONS = sorted(set(re.findall(r"^\S*python -m tests\.simulation (--[a-z-]+)", TEXT, re.MULTILINE)))


def test_every_place_is_there() -> None:
    """Where a promise is held, and what tries it, can be opened."""
    assert len(PLACES) > 15
    assert [place for place in PLACES if not (ROOT / place).exists()] == []


def test_every_option_is_there() -> None:
    """What the page tells people to run is what the command knows."""
    argv = [sys.executable, "-m", "tests.simulation", "--help"]
    told = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    assert len(OPTIONS) == 4
    assert [option for option in OPTIONS if option not in told] == []


@pytest.mark.parametrize("recipe", re.findall(r"tests\.simulation .*", (ROOT / "Makefile").read_text()))
def test_make_chaos_asks_for_what_there_is(recipe: str) -> None:
    """The options that `make chaos` gives are those that the page explains."""
    given = [word for word in shlex.split(recipe) if word.startswith("--")]
    assert set(given) <= set(OPTIONS)
