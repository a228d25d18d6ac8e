"""docs/history.md and docs/scenes.md show questions that can be asked."""

import re
import shlex
from pathlib import Path

import pytest
from starlette.routing import Route
from typer.testing import CliRunner

from controller.api.app import create_app
from controller.api.past import FILTERS
from controller.cli.app import app
from controller.core.errors import Broken
from controller.parts.installed import ROOT
from controller.settings import Settings

TEXT = (ROOT / "docs" / "history.md").read_text()
SCENES = (ROOT / "docs" / "scenes.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT + SCENES, re.MULTILINE | re.DOTALL)
QUESTIONS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("segue ")]


@pytest.mark.parametrize("line", QUESTIONS)
def test_each_question_is_understood(line: str, tmp_path: Path) -> None:
    """Every line that the pages show comes as far as looking for a database, which is not there."""
    done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:], env={"SEGUE_DATA": str(tmp_path)})
    assert isinstance(done.exception, Broken), done.output
    assert "holds no database yet" in str(done.exception)


def test_the_table_has_every_option() -> None:
    """What narrows the answer down stands in the table, and nothing that there is not."""
    (help,) = [CliRunner().invoke(app, ["history", "--help"], env={"COLUMNS": "200"}).output]
    told = set(re.findall(r"^\| .*?(?=\|)", TEXT, re.MULTILINE))
    options = {option for row in told for option in re.findall(r"`(--[a-z]+)`", row)}
    ways = {"--json", "--jsonl", "--csv", "--parquet", "--at", "--help"}
    assert options == set(re.findall(r"--[a-z]+", help)) - ways


def test_every_parameter_is_told() -> None:
    """The page names each parameter that /v1/history takes."""
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| `/v1/history`")]
    assert set(re.findall(r"`([a-z]+)(?:=true)?`", row)) == {*FILTERS, "type"} - {"after"}
    assert {route.path for route in create_app(Settings()).routes if isinstance(route, Route)} >= {
        path.partition("?")[0].replace("NAME", "{name}")
        for path in re.findall(r"^\| `(/v1/[^`]*)`", TEXT, re.MULTILINE)
    }
