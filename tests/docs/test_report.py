"""docs/report.md tells the truth: its answers and its chart are those that both stores give."""

import re
from pathlib import Path

from starlette.routing import Route
from typer.testing import CliRunner

from controller.api.app import create_app
from controller.api.past import REPORT_FILTERS
from controller.cli.app import app
from controller.journal import Store
from controller.settings import Settings
from tests.cli.segue import segue_in
from tests.docs.audit import CHART, REPORT, answered
from tests.journal.audited import filled, told
from tests.journal.conftest import cluster, kind, new_url, opened, store, templates, url
from tests.journal.reported import months

__all__ = ["cluster", "kind", "new_url", "opened", "store", "templates", "url"]

TEXT = REPORT.read_text()


async def test_every_answer_is_what_the_store_gives(store: Store, url: str, tmp_path: Path) -> None:
    """Each question and command is asked of a store that holds those months; the chart is the one that is shown."""
    await filled(store, tmp_path, months())
    segue = segue_in(tmp_path, SEGUE_DATABASE_URL=url)
    assert await answered(TEXT, store, segue) == TEXT
    assert segue("report", "--chart", str(tmp_path / "report.svg")).code == 0
    assert (tmp_path / "report.svg").read_text() == CHART.read_text()
    results = re.findall(r"^\| `(\w+)` \|", TEXT.split("## What each rollout")[1].split("\n## ")[0], re.MULTILINE)
    found = await told(store, "SELECT DISTINCT result FROM audit_changes")
    assert sorted(results) == sorted(row["result"] for row in found)


async def test_every_figure_is_told(store: Store, tmp_path: Path) -> None:
    """The page names each column of `audit_months`, which are the figures of `--json`."""
    await filled(store, tmp_path, months())
    (first, *_) = await told(store, "SELECT * FROM audit_months")
    rows = [line.split("|")[1] for line in TEXT.split("## What each figure")[1].splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(list(first)[2:])


def test_every_option_and_parameter_is_told() -> None:
    """The table has the command's options, and the page the endpoint with its parameters."""
    help = CliRunner().invoke(app, ["report", "--help"], env={"COLUMNS": "200"}).output
    cells = re.findall(r"^\| (`--.*?) \|", TEXT, re.MULTILINE)
    assert {option for cell in cells for option in re.findall(r"--[a-z]+", cell)} == set(
        re.findall(r"--[a-z]+", help)
    ) - {"--help"}
    assert "/v1/report" in {route.path for route in create_app(Settings()).routes if isinstance(route, Route)}
    (line,) = [line for line in TEXT.splitlines() if line.startswith("Over HTTP, `GET /v1/report`")]
    assert set(re.findall(r"`([a-z]+)`", line)) == set(REPORT_FILTERS)
