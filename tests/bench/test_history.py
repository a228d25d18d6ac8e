"""What `segue bench history` fills stores with is a history like any other, and what it measures it tells honestly."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controller.bench.figures import Figure, Report, percentiles
from controller.bench.history.filling import Size, fill_postgres, fill_sqlite
from controller.bench.history.options import QUICK, Options, parts_of
from controller.bench.history.page import write_docs
from controller.bench.history.questions import Incident, about, questions
from controller.bench.history.template import NAME, Template, written
from controller.bench.page import markers
from controller.core.errors import Broken, Malformed
from controller.journal import views
from controller.journal.search import Search, found
from controller.proof.look import verify
from controller.replay import differing, replay_sql
from tests.cli.segue import segue_in
from tests.journal.conftest import NewUrl, Opened, cluster, kind, new_url, opened, templates

__all__ = ["cluster", "kind", "new_url", "opened", "templates"]

STORES = ("SQLite", "PostgreSQL")
SIZE = Size(services=5, facts_each=150, rollouts_each=3, templates=2)


@pytest.fixture(scope="module")
def years() -> list[Template]:
    """Two years that were lived."""
    return [written(seed, SIZE.facts_each, SIZE.rollouts_each) for seed in (1, 2)]


def unheard(told: str) -> None:
    """Hear what is being done, and say nothing."""


async def test_a_filled_store_is_what_deciding_would_have_written(
    kind: str, new_url: NewUrl, opened: Opened, years: Sequence[Template], tmp_path: Path
) -> None:
    """Every hash is right, the facts give what the read tables say, and each service has its own name and days."""
    file = tmp_path / "filled.db"
    url = f"sqlite:///{file}" if kind == "sqlite" else await new_url(kind)
    fill = partial(fill_sqlite, file) if kind == "sqlite" else partial(fill_postgres, url)
    facts = await asyncio.to_thread(fill, SIZE, years, unheard)
    store = await opened(url)
    verified = await verify(store)
    assert (verified.findings, verified.sql_facts, verified.streams) == ((), facts, SIZE.services)
    assert facts >= SIZE.services * SIZE.facts_each
    assert await differing(store, await replay_sql(store)) == {}
    every = [one async for one in found(store, Search(measurements=True))]
    assert len(every) == facts
    assert not any(NAME in f"{one}" for one in every)
    first, second, third = [one.at_ms for one in await views.services(store)][:3]
    assert third - first == 86_400_000 != second - first


def test_a_question_of_the_page_is_asked_about_another_service() -> None:
    """No name of the page's own day is left in what is asked, and times keep their distance."""
    about_it = Incident("voice-0007", "voice-0007-3", "1.2.0", "alert-1", "kei", 1_750_000_000_000)
    asked = [about(one.sql, about_it) for one in questions()]
    assert len(asked) == 20
    for word in ("hibari", "2026-03", "lena", "f00d", "1.5.0", "1.6.0"):
        assert not any(word in sql for sql in asked)
    assert "at >= '2025-06-15T03:56:40.000Z' AND at < '2025-06-16T03:56:40.000Z'" in asked[16]


def test_a_missed_goal_is_told() -> None:
    """One figure beyond its goal is missed, and so is the whole; one without a goal is neither."""
    good, bad = Figure("SQL", "asked", 3.0, "ms", most=5.0), Figure("SQL", "folded", 3.0, "facts/s", least=5.0)
    free = Figure("SQL", "size", 3.0, "bytes")
    assert (good.met, bad.met, free.met) == (True, False, None)
    assert (good.goal, bad.goal, free.goal) == ("<= 5.0 ms", ">= 5.0 facts/s", "")
    report = Report({}, [good, free])
    assert report.met
    assert not replace(report, figures=[good, bad]).met


@pytest.mark.parametrize(
    ("figure", "read"),
    [
        (Figure("", "", 1.14, "times", most=1.1), "1.14 times <= 1.10 times"),
        (Figure("", "", 1.06, "times", most=1.1), "1.1 times <= 1.1 times"),
        (Figure("", "", 1.1, "times", most=1.1), "1.1 times <= 1.1 times"),
        (Figure("", "", 1.1004, "times", most=1.1), "1.1004 times <= 1.1000 times"),
        (Figure("", "", 0.2504, "ms", most=0.25), "0.2504 ms <= 0.25 ms"),
        (Figure("", "", 49_999.6, "facts/s", least=50_000), "49,999.6 facts/s >= 50,000.0 facts/s"),
        (Figure("", "", 99.97, "%", least=100), "99.97 % >= 100.0 %"),
        (Figure("", "", 1.14, "times"), "1.1 times "),
    ],
)
def test_a_reader_sees_on_which_side_of_its_goal_a_figure_is(figure: Figure, read: str) -> None:
    """Where both would read alike, or the wrong way round, they have as many digits more as it takes."""
    assert f"{figure.measured} {figure.goal}" == read


def test_the_page_tells_what_was_measured(tmp_path: Path) -> None:
    """Figures go between the markers of the page, and what people wrote around them stays; no markers, no page."""
    report = Report({}, [Figure("SQL", "asked", 7.0, "ms p95", most=5.0, told="p50 3.0 ms")], "two cores")
    with pytest.raises(Broken, match="restore the page"):
        write_docs(report, Options(), tmp_path)
    (tmp_path / "performance.md").write_text(f"before\n{markers()[0]}\nof last year\n{markers()[1]}\nafter\n")
    write_docs(report, Options(), tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "| SQL | asked | 7.0 ms p95 | <= 5.0 ms p95 | **no** | p50 3.0 ms |" in page
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "of last year" not in page


def test_a_part_that_there_is_not_is_told() -> None:
    """A misspelt part is told with those that there are; none means all."""
    assert parts_of(["speed"]) == ("speed",)
    assert parts_of(None) == parts_of([]) == Options().parts
    with pytest.raises(Malformed, match="allowed: sqlite, postgresql, speed"):
        parts_of(["postgres"])


def test_percentiles_are_of_what_was_measured() -> None:
    """Of a hundred and one times the middle one is p50, and five are slower than p95."""
    assert percentiles([float(number) for number in range(101)]) == (50.0, 95.0)


def test_the_quick_form_measures_everything(tmp_path: Path) -> None:
    """Every question is asked, every copy replayed and verified; no goal judges so few facts, and none are left."""
    segue = segue_in(tmp_path, SEGUE_LOCAL=str(local(tmp_path)))
    done = segue("bench", "history", "--quick", "--json", within_s=180)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["options"]["facts"] == QUICK.facts
    assert {(one["met"], one["goal"]) for one in told["figures"]} == {(None, "")}
    for part in STORES:
        names = [one["name"] for one in told["figures"] if one["part"] == part]
        assert [f"{one.number}. {one.told}" for one in questions()] == names[:20]
        assert {"history --at", "journal with its indexes", "body of a window of measurements"} <= set(names)
    speeds = {(one["part"], one["name"]) for one in told["figures"] if one["unit"] == "facts/s"}
    replayed = {(part, name) for part in (*STORES, "Kafka") for name in ("replay", "replay, by one process")}
    assert speeds == replayed | {(part, "verify") for part in (*STORES, "SQLite and Kafka")}
    assert "memory of a replay, growth" in names
    assert [path.name for path in (local(tmp_path) / "bench").iterdir()] == ["history.json"]


def local(folder: Path) -> Path:
    """A folder in place of .local, with what is installed there."""
    from controller.parts.installed import local_folder

    own = folder / "local"
    if not own.exists():
        own.mkdir()
        (own / "kafka").symlink_to(local_folder() / "kafka")
    return own
