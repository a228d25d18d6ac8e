"""`segue history`: what auditors and people on call ask of the past, and how it is answered."""

import asyncio
import csv
import io
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow.parquet import read_table
from typer.testing import CliRunner

from controller.cli.answers import code_of
from controller.cli.app import app
from controller.cli.listed import tell_csv
from controller.core.errors import SegueError
from controller.handle import handle
from controller.journal import Store
from controller.journal.facts import Recorded
from tests.cli.past import segue_after
from tests.cli.segue import COMMAND, Segue
from tests.journal.messages import alert, installed, rolling

AT_12_S, AT_16_S = "1970-01-01T00:00:12Z", "1970-01-01T00:00:16+00:00"


async def lived(store: Store) -> None:
    """Two services begin; a candidate of one is taken back by an alert; a hundred alerts of nobody follow."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000), *installed("other")])
    await handle(store, [alert("9.9.9", 20_000 + number, str(number)) for number in range(100)])


@pytest.fixture(scope="module")
def segue(tmp_path_factory: pytest.TempPathFactory) -> Segue:
    """The command where two services have a past."""
    folder = tmp_path_factory.mktemp("history")
    return segue_after(folder, lived)


def test_all_services_are_told_in_the_order_of_time(segue: Segue) -> None:
    """Without a service every fact is told by its id, and `--after` goes on after one of them."""
    lines = segue("history", "--until", AT_12_S).out.splitlines()
    assert [line.split()[1] for line in lines[1:6]] == ["hibari/1", "other/1", "hibari/2", "hibari/3", "hibari/4"]
    further = segue("history", "--until", AT_12_S, "--after", lines[4].split()[1], "--limit", "2").out.splitlines()
    assert [line.split() for line in further[1:]] == [line.split() for line in lines[5:7]]


def test_one_service_is_told_by_position_as_ever(segue: Segue) -> None:
    """A service's facts are told by position, and `--after` takes one, or the id."""
    whole = segue.json("history", "hibari")
    assert [one["position"] for one in whole] == list(range(1, len(whole) + 1))
    assert segue.json("history", "hibari", "--after", "4") == segue.json("history", "hibari", "--after", "hibari/4")
    assert [one["position"] for one in segue.json("history", "hibari", "--after", "4", "--limit", "2")] == [5, 6]
    assert "no facts after 999" in segue("history", "hibari", "--after", "999").out


def test_who_is_told_the_first_thousand_is_told_where_the_others_begin(tmp_path: Path) -> None:
    """A table or a document that was cut off says so beside the answer; one that was cut on request does not."""

    async def live(store: Store) -> None:
        await handle(store, [*installed(), *(alert("9.9.9", 20_000 + at, str(at)) for at in range(998))])

    segue = segue_after(tmp_path, live)
    for service, last in (("hibari", "1000"), ("", "hibari/1000")):
        done = segue("history", *filter(None, [service]))
        assert len(done.out.splitlines()) == 1 + 1000
        assert done.err == f"these are the first 1000 facts; `--after {last}` goes on, `--limit` asks for more\n"
    further = segue("history", "hibari", "--after", "1000")
    assert (len(further.out.splitlines()), further.err) == (1 + 2, "")
    assert segue("history", "hibari", "--limit", "2").err == ""


def test_filters_narrow_it_down(segue: Segue) -> None:
    """Rollout, actor, kinds of facts, release and time: what is found meets all of them."""
    asked = ("--rollout", "hibari-2", "--release", "1.5.0", "--since", AT_12_S, "--until", AT_16_S)
    kinds = ("--type", "RolloutAborted", "--type", "ReleaseQuarantined", "--type", "RolloutStarted")
    found = segue.json("history", *asked, *kinds)
    assert [(one["service"], one["type"]) for one in found] == [
        ("hibari", "RolloutAborted"),
        ("hibari", "ReleaseQuarantined"),
    ]
    assert {one["type"] for one in segue.json("history", "--actor", "ci")} == {"RolloutStarted"}
    assert "no such facts" in segue("history", "--actor", "nobody").out


def test_programs_read_lines_or_csv_with_every_field(segue: Segue) -> None:
    """JSON, JSON lines and CSV say the same; the two that are streamed have no limit of their own."""
    asked = ("history", "hibari", "--type", "AlertNoted", "--type", "RouteSet")
    document = segue.json(*asked)
    assert [json.loads(line) for line in segue(*asked, "--jsonl").out.splitlines()] == document
    rows = list(csv.DictReader(io.StringIO(segue(*asked, "--csv").out)))
    assert [{**row, "position": int(row["position"]), "event": json.loads(row["event"])} for row in rows] == document
    assert len(document) > 100
    assert segue("history", "hibari", "--actor", "nobody", "--csv").out.startswith("at,service,position,type,actor")


def test_analysts_read_a_parquet_file(segue: Segue, tmp_path: Path) -> None:
    """It holds what CSV holds, with a type to each column, and no file is written over."""
    file = tmp_path / "facts.parquet"
    assert segue("history", "hibari", "--parquet", str(file)).out == f"{file}: {len(told(segue))} facts\n"
    table = read_table(file)
    rows = [{**row, "at": row["at"].isoformat(timespec="milliseconds")} for row in table.to_pylist()]
    assert rows == [{**row, "at": row["at"].replace("Z", "+00:00")} for row in told(segue)]
    assert str(table.schema.field("at").type) == "timestamp[ms, tz=UTC]"
    again = CliRunner().invoke(app, ["history", "hibari", "--parquet", str(file)], env=segue.env).exception
    assert f"{file} is there already" in str(again)
    assert [path.name for path in tmp_path.iterdir()] == ["facts.parquet"]


def test_words_of_others_make_no_row_of_csv(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever ends a line somewhere stays within its cell, also for who takes a carriage return alone for an end."""
    reason = "fine\rhibari"

    async def facts() -> AsyncIterator[Recorded]:
        said = ("ci", reason, "m-1", "hibari-1", "{}")
        yield Recorded("hibari", 1, "hibari/1", "RolloutStarted", 1, 1_000, 1_000, 1_000, *said, "0" * 64, "1" * 64)

    asyncio.run(tell_csv(facts()))
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert row["reason"] == reason


def told(segue: Segue) -> list[dict[str, Any]]:
    """Return all facts of hibari as CSV has them, positions as numbers."""
    rows = csv.DictReader(io.StringIO(segue("history", "hibari", "--csv").out))
    return [{**row, "position": int(row["position"])} for row in rows]


def test_a_reader_that_has_enough_is_no_mistake(segue: Segue) -> None:
    """Whoever pipes it into `head` sees no traceback."""
    argv = [*COMMAND, "history", "--jsonl"]
    with subprocess.Popen(argv, env=segue.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as telling:
        assert telling.stdout is not None
        assert telling.stderr is not None
        telling.stdout.close()
        assert telling.stderr.read() == ""


def test_what_was_live_is_told_in_sentences(segue: Segue) -> None:
    """Who served how much, since when and until when, by whose word, and which step of which rollout it was."""
    assert segue("history", "hibari", "--at", AT_12_S).out.splitlines() == [
        "At 1970-01-01T00:00:12.000Z hibari served 1.4.0 95 %, 1.5.0 5 %.",
        "So it was since 1970-01-01T00:00:11.000Z, until 1970-01-01T00:00:15.000Z; by tests/hibari: "
        "the release is loaded and its probe spoke (fact hibari/8).",
        "It was step 0, since 1970-01-01T00:00:11.000Z, of rollout hibari-2, 1.5.0 by plan short, which ci asked for "
        "at 1970-01-01T00:00:10.000Z: nightly.",
    ]
    after = segue("history", "hibari", "--at", AT_16_S).out
    assert "hibari served 1.4.0 100 %." in after
    assert "and so it is still; by tests/hibari: alert SpeechErrors fired for 1.5.0" in after
    said = segue.json("history", "hibari", "--at", AT_12_S)
    assert [(arm["release"]["version"], arm["weight_bp"]) for arm in said["table"]["arms"]] == [
        ("1.4.0", 9500),
        ("1.5.0", 500),
    ]
    assert (said["fact"], said["step"]["step"], said["rollout"]["rollout"]) == ("hibari/8", 0, "hibari-2")
    assert (said["since"], said["until"]) == ("1970-01-01T00:00:11.000Z", "1970-01-01T00:00:15.000Z")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("forgotten",), 1, "nothing was ever recorded for a service forgotten"),
        (("--after", "4"), 2, "--after 4 is a position, and a position is one service's: name it, as in hibari/4"),
        (("--after", "hibari/x"), 2, "allowed: a fact's position, such as 40, or its id, such as hibari/40"),
        (("--after", "hibari/9999999999999999999999"), 2, "allowed: a fact's position"),
        (("--after", "hibari/" + "9" * 5_000), 2, "allowed: a fact's position"),
        (("--after", "hibari/999"), 1, "there is no fact hibari/999"),
        (("hibari", "--after", "other/1"), 2, "--after names a fact of other, and only those of hibari are asked for"),
        (("--type", "RolloutAbort"), 2, "type is 'RolloutAbort'; allowed: AlertMatched"),
        (("--since", "yesterday"), 2, "--since is 'yesterday'; allowed: a time with its zone"),
        (("--until", "0001-01-01T00:00:00+14:00"), 2, "--until is '0001-01-01T00:00:00+14:00'; allowed: a time"),
        (("--json", "--csv"), 2, "choose one"),
        (
            ("--parquet", "/nowhere/facts.parquet"),
            1,
            "/nowhere/facts.parquet cannot be written: No such file",
        ),
        (("--at", AT_12_S), 2, "give it the service"),
        (("hibari", "--at", AT_12_S, "--actor", "ci"), 2, "at most --json"),
        (("hibari", "--at", "9999-01-01T00:00:00Z"), 2, "which is still to come"),
        (("hibari", "--at", "1970-01-01T00:00:01Z"), 1, "hibari served nothing yet at 1970-01-01T00:00:01.000Z"),
        (("forgotten", "--at", AT_12_S), 1, "nothing was ever recorded for a service forgotten"),
    ],
)
def test_a_question_without_an_answer_is_told_why(
    segue: Segue, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    """One sentence says what cannot be asked so, and what can."""
    # In this process, for there are many; what becomes of an error on its way out holds for all verbs.
    error = CliRunner().invoke(app, ["history", *arguments], env=segue.env).exception
    assert isinstance(error, SegueError)
    assert (code_of(error), sentence in str(error)) == (code, True), error
