"""What of logs goes into a scene: our own lines of its time and service, names and numbers only."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.scene.draft import Draft
from controller.scene.logs import keep_logs

RANGE_MS = (1_772_530_800_000, 1_772_530_860_000)
TEXT = "My secret is the violet."


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[Draft]:
    """A scene in the making."""
    with Draft(tmp_path / "scenes", "hibari-2") as begun:
        yield begun


def logged(at: str, message: str, **more: object) -> str:
    """Return a line as our processes log it; at: minutes and seconds past nine."""
    return json.dumps({"time": f"2026-03-03T09:{at}.000Z", "level": "info", "logger": "x", "message": message, **more})


def kept(draft: Draft, tmp_path: Path, *lines: str, secrets: tuple[str, ...] = ()) -> list[dict[str, object]]:
    """Return what of a log file's lines is kept."""
    file = tmp_path / "gateway.log"
    file.write_text("\n".join(lines) + "\n")
    keep_logs(draft, [file], "hibari", RANGE_MS, secrets)
    (written,) = (tmp_path / "scenes").glob(".hibari-2.*/logs/gateway.jsonl")
    return [json.loads(line) for line in written.read_text().splitlines()]


def test_lines_of_the_time_and_of_the_service_are_kept(draft: Draft, tmp_path: Path) -> None:
    """Neither what came before or after, nor what is about another service; what is about none may matter."""
    lines = [
        logged("39:59", "before"),
        logged("40:00", "table applied", service="hibari", epoch=7),
        logged("40:30", "elsewhere", service="other"),
        logged("41:00", "ready", function="relay"),
        logged("41:01", "after"),
    ]
    found = kept(draft, tmp_path, *lines)
    assert [line["message"] for line in found] == ["table applied", "ready"]
    assert (found[0]["epoch"], found[1]["function"]) == (7, "relay")


def test_what_others_say_is_left_out(draft: Draft, tmp_path: Path) -> None:
    """An error may quote anything, so neither it nor a line that is not ours is kept."""
    lines = [
        logged("40:01", "failed over", service="hibari", fault=f"cannot speak {TEXT}", text=TEXT),
        logged("40:02", "it broke", error=f"Traceback: {TEXT}"),
        f"RuntimeError: {TEXT}",
        json.dumps([TEXT]),
    ]
    found = kept(draft, tmp_path, *lines)
    assert [line["message"] for line in found] == ["failed over", "it broke"]
    assert "violet" not in json.dumps(found)


def test_secrets_are_blotted_out(draft: Draft, tmp_path: Path) -> None:
    """Wherever a token would stand in a line, it does not."""
    found = kept(draft, tmp_path, logged("40:01", "asked with s3cret-token-123"), secrets=("s3cret-token-123",))
    assert found[0]["message"] == "asked with ***"


@pytest.mark.parametrize(
    "told",
    ["as it is: {0}", 'as JSON in a line: {{"password": {1}}}', "as ASCII: {2}"],
    ids=["plain", "quoted", "escaped"],
)
def test_secrets_are_blotted_out_however_they_are_written(draft: Draft, tmp_path: Path, told: str) -> None:
    """A password with quotes and other letters stands there by itself or as JSON writes it, and is seen in either."""
    secret = 'vio"let\\\u00e9-123'
    message = told.format(secret, json.dumps(secret, ensure_ascii=False), json.dumps(secret))
    found = kept(draft, tmp_path, logged("40:01", message), secrets=(secret,))
    assert "***" in str(found[0]["message"])
    assert "let" not in str(found[0]["message"])


def test_of_very_long_logs_the_end_is_kept_and_the_rest_is_missed(draft: Draft, tmp_path: Path) -> None:
    """There is room for some megabytes; how many lines had none is said."""
    found = kept(draft, tmp_path, *(logged("40:30", f"{number} {'x' * 1000}") for number in range(5_000)))
    assert str(found[-1]["message"]).startswith("4999 ")
    (missing,) = draft.missing
    assert (missing.what, missing.why) == (
        "logs of gateway",
        f"{5_000 - len(found)} earlier lines: there are too many",
    )


def test_logs_that_are_not_there_are_missed(draft: Draft, tmp_path: Path) -> None:
    """Where nobody says where they are, and where they cannot be read."""
    keep_logs(draft, [], "hibari", RANGE_MS, ())
    keep_logs(draft, [tmp_path / "none.log"], "hibari", RANGE_MS, ())
    assert [(one.what, one.why) for one in draft.missing] == [
        ("logs", "nobody says where they are: see SEGUE_SCENE_LOGS"),
        ("logs of none", "they cannot be read: No such file or directory"),
    ]


def test_two_logs_of_one_name_are_two_files(draft: Draft, tmp_path: Path) -> None:
    """Two machines may mount their logs beside each other."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "gateway.log").write_text(logged("40:30", folder) + "\n")
    keep_logs(draft, [tmp_path / folder / "gateway.log" for folder in ("a", "b")], "hibari", RANGE_MS, ())
    assert [one.name for one in draft.files] == ["logs/gateway.jsonl", "logs/gateway-2.jsonl"]
