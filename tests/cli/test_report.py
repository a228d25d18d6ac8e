"""`segue report`: a table, JSON, a chart, and a sentence where there is nothing to tell."""

import asyncio
from pathlib import Path
from xml.etree import ElementTree

import pytest

from controller.cli.charted import chart
from controller.journal import open_store
from controller.journal.monthly import Change, summed
from controller.journal.schema import upgrade
from tests.cli.segue import Segue, segue_in
from tests.journal.audited import filled
from tests.journal.reported import months

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def segue(tmp_path_factory: pytest.TempPathFactory) -> Segue:
    """The command where two services have two months."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "data").mkdir()
    url = f"sqlite:///{folder / 'data' / 'segue.db'}"
    upgrade(url)

    async def live() -> None:
        store = await open_store(url)
        await filled(store, folder, months())
        await store.close()

    asyncio.run(live())
    return segue_in(folder)


def test_one_service_of_many_is_told_alone(segue: Segue) -> None:
    """--service leaves the others out; a service that there is not is told with those that there are."""
    told = segue.json("report", "--service", "suzume")
    assert [(row["service"], row["month"], row["deployments"]) for row in told["months"]] == [("suzume", "2026-03", 1)]
    assert told["months"] == [{"service": "suzume", "month": "2026-03", **told["total"]}]
    unknown = segue("report", "--service", "suzum")
    assert unknown.code == 1
    assert "known services: hibari, suzume" in unknown.err


def test_where_there_is_nothing_it_says_so(segue: Segue, tmp_path: Path) -> None:
    """A time in which nothing ended has no rows and no chart; what is no time is not understood."""
    late = ("--since", "2026-05-01T00:00:00Z")
    assert segue("report", *late).out.strip() == "no rollouts"
    assert segue.json("report", *late)["total"]["change_failure_rate"] is None
    drawn = segue("report", *late, "--chart", str(tmp_path / "none.svg"))
    assert (drawn.code, (tmp_path / "none.svg").exists()) == (1, False)
    assert segue("report", "--since", "yesterday").code == 2


def test_a_chart_is_svg_in_a_file_of_that_name(segue: Segue, tmp_path: Path) -> None:
    """Another kind of file is refused before anything is asked; a folder that is not there, with its name."""
    refused = segue("report", "--chart", str(tmp_path / "report.png"))
    assert refused.code == 2
    assert "allowed: a file that ends in .svg" in refused.err
    missing = segue("report", "--chart", str(tmp_path / "none" / "report.svg"))
    assert missing.code == 1
    assert "none/report.svg cannot be written" in missing.err


def test_many_services_are_drawn_as_one() -> None:
    """Of more than six nobody could tell which bar is whose; months in which nothing ended stand between the others."""

    def change(number: int, month: str) -> Change:
        return Change(f"voice-{number}", month, "promoted", 60.0, None, None, None)

    drawn = ElementTree.fromstring(  # noqa: S314 - our own
        chart(summed([change(number, month) for number in range(7) for month in ("2025-12", "2026-02")]))
    )
    told = [one.text for one in drawn.iter(f"{SVG}text")]
    assert "all 7 services" in told
    assert [name for name in told if name and name.startswith("20")][:3] == ["2025-12", "2026-01", "2026-02"]
