"""docs/backtest.md shows how to try another plan on the past."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.app import app
from controller.core.errors import Broken
from controller.core.plan import AlertAction, AlertPolicy, AlertRule
from controller.parts.installed import ROOT
from controller.wire.written import alerts_from

TEXT = (ROOT / "docs" / "backtest.md").read_text()
PAGES = re.search(r"`(\{rules: .*?\})`", TEXT)
TRIALS = re.findall(r"^segue .*$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", TRIALS)
def test_each_trial_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line that the page shows comes as far as looking for a database, which is not there."""
    assert PAGES is not None
    (tmp_path / "evening.yaml").write_text("steps: [{weight: 5 %, hold: 1h}]")
    (tmp_path / "pages.yaml").write_text(PAGES[1])
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:], env={"SEGUE_DATA": str(tmp_path)})
    assert isinstance(done.exception, Broken), done.output
    assert "holds no database yet" in str(done.exception)


def test_the_alerts_it_shows_are_a_policy() -> None:
    """What the page gives as an example of --alerts is one."""
    assert PAGES is not None
    policy = AlertPolicy((AlertRule("severity", "page", AlertAction.ROLLBACK),))
    assert alerts_from(PAGES[1].encode()) == policy


def test_the_table_has_every_option() -> None:
    """What can be chosen stands in the table, and nothing that there is not."""
    help = CliRunner().invoke(app, ["backtest", "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"^\| `(--[a-z]+)`", TEXT, re.MULTILINE))
    assert options == set(re.findall(r"--[a-z]+", help)) - {"--json", "--help"}
