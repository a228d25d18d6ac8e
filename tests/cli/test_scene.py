"""`segue scene`: opens what was kept of a rollout that was taken back, and names what is not as it was kept."""

from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.app import app
from controller.core.errors import Broken, Malformed, SegueError
from controller.handle import handle
from controller.journal import Store
from controller.wire.messages import MessageType
from tests.cli.past import keep_scene, segue_after
from tests.cli.segue import Segue
from tests.journal.messages import alert, installed, message, rolling
from tests.wire.records import WINDOW

READING = {"gate": "lab", "value": None, "outcome": "pass", "reason": "fair\u2028clear\u2029calm\u0085"}


@pytest.fixture
def segue(tmp_path: Path) -> Segue:
    """The command where a release was measured, then taken back, and its scene kept."""

    async def live(store: Store) -> None:
        measured = {**WINDOW, "start_ms": 20_000, "end_ms": 30_000, "readings": [READING]}
        window = message(MessageType.WINDOW, "window-1", 30_000, measured)
        await handle(store, [*installed(), *rolling("1.5.0", 10_000), window, alert("1.5.0", 40_000)])
        await keep_scene(store, tmp_path, "release 1.5.0 was taken back (alert)")

    return segue_after(tmp_path, live)


def test_a_scene_tells_what_happened_and_what_is_kept(segue: Segue, tmp_path: Path) -> None:
    """What, when, by whom, what was measured last, and every file; the journal's facts are named."""
    done = segue("scene", "hibari-2")
    assert done.code == 0, done.err
    told = done.out.splitlines()
    assert told[0] == "hibari-2: release 1.5.0 was taken back after 0:30, and all traffic went to 1.4.0"
    assert told[1].split() == ["when", "1970-01-01T00:00:40.000Z,", "by", "fact", "hibari/11"]
    assert "(alert): alert SpeechErrors" in told[2]
    assert told[4] == f"  kept in  {tmp_path / 'scenes' / 'hibari-2'}, by fact hibari/14"
    assert "the last 1 of 1 windows of measurements:" in told
    assert ["1970-01-01T00:00:30.000Z", "25", "1", "475", "1"] in [line.split() for line in told]
    files = [line.split()[0] for line in told[told.index("") :] if line.endswith(("them", "it", "each"))]
    assert files == ["facts.jsonl", "windows.jsonl", "tables.json"]


def test_only_the_end_of_a_line_ends_it(segue: Segue) -> None:
    """What Unicode calls a line's or paragraph's end may stand in the reason of a reading, as any other character."""
    assert "the last 1 of 1 windows of measurements:" in segue("scene", "hibari-2").out.splitlines()


def test_what_was_changed_in_a_scene_is_named(segue: Segue, tmp_path: Path) -> None:
    """A changed word in a file, or in the manifest, is found, and the command ends with 1."""
    place = tmp_path / "scenes" / "hibari-2"
    facts, manifest = place / "facts.jsonl", place / "manifest.json"
    facts.write_text(facts.read_text().replace("nightly", "Nightly", 1))
    done = segue("scene", "hibari-2")
    assert done.code == 1
    assert "facts.jsonl is not what was kept: its SHA-256 is" in done.out
    assert "manifest.json" not in done.out
    manifest.write_text(manifest.read_text().replace('"trigger":"alert"', '"trigger":"order"'))
    amiss = segue.json("scene", "hibari-2", code=1)["amiss"]
    assert [one["name"] for one in amiss] == ["manifest.json", "facts.jsonl"]
    assert "by fact hibari/14" in amiss[0]["what"]


@pytest.mark.parametrize(("spoilt", "code"), [('"blind":', 1), ('"ended_ms":40000', 2)])
def test_a_forged_scene_is_named_as_one(segue: Segue, tmp_path: Path, spoilt: str, code: int) -> None:
    """A manifest that fits the files and not the journal vouches for none of them: they are not even read."""
    place = tmp_path / "scenes" / "hibari-2"
    windows, manifest = place / "windows.jsonl", place / "manifest.json"
    was = sha256(windows.read_bytes()).hexdigest()
    windows.write_text(windows.read_text().replace(spoilt, '"forged":'))
    now = sha256(windows.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(was, now).replace(spoilt, f"{spoilt}{10**9}"))
    done = segue("scene", "hibari-2")
    assert (done.code, "Traceback" in done.err) == (code, False), done.err
    assert ("manifest.json is not what was kept: its SHA-256 is" in done.out) == (code == 1)
    assert ("ended_ms is 400001000000000; allowed" in done.err) == (code == 2)


def test_programs_get_the_manifest_and_what_vouches_for_it(segue: Segue, tmp_path: Path) -> None:
    """--json has all of the manifest; --files are paths; --list is every scene that the journal knows."""
    scene = segue.json("scene", "hibari-2")
    assert (scene["release"], scene["kind"], scene["amiss"]) == ("1.5.0", "abort", [])
    paths = segue("scene", "hibari-2", "--files").out.splitlines()
    assert paths == [str(tmp_path / "scenes" / "hibari-2" / one["name"]) for one in scene["files"]]
    (known,) = segue.json("scene", "--list")
    assert (known["rollout"], known["fact"]) == ("hibari-2", scene["kept_by"])
    assert known["manifest_sha256"] == scene["manifest_sha256"]


def test_a_copy_is_as_good(segue: Segue, tmp_path: Path) -> None:
    """--out copies a scene; the copy is held against the same fact, wherever it lies."""
    assert segue("scene", "hibari-2", "--out", str(tmp_path / "copy")).code == 0
    (tmp_path / "scenes").rename(tmp_path / "elsewhere")
    lost = segue("scene", "hibari-2")
    assert lost.code == 1
    assert "where there is none" in lost.err
    assert segue("scene", "hibari-2", "--folder", str(tmp_path / "copy")).code == 0
    again = segue("scene", "hibari-2", "--folder", str(tmp_path / "copy"), "--out", str(tmp_path / "copy"))
    assert (again.code, "is there already" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (("hibari-1",), Broken, "hibari-1 is promoted: only what was taken back leaves a scene"),
        (("hibari-9",), Broken, "there is no rollout hibari-9"),
        ((), Malformed, "or say --list for all of them"),
        (("hibari-2", "--list"), Malformed, "or say --list for all of them"),
    ],
)
def test_where_there_is_no_scene_it_is_said_why(
    segue: Segue, asked: tuple[str, ...], error: type[SegueError], told: str
) -> None:
    """A rollout that went well, one that nobody knows, and a question about nothing."""
    done = CliRunner().invoke(app, ["scene", *asked], env=segue.env)
    assert type(done.exception) is error
    assert told in str(done.exception)


def test_explain_mentions_the_scene(segue: Segue) -> None:
    """Whoever reads the story of a rollout learns that more is kept."""
    assert "What was left of it is kept in" in segue("explain", "hibari-2").out
