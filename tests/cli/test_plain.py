"""What others wrote is shown as they wrote it: no markup, no emoji's name, and no order to the terminal."""

import json
import os
import pty
import subprocess
from dataclasses import asdict
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner

from controller.cli.app import app
from controller.cli.asking import Answer, tell
from controller.cli.plain import as_json, plain
from controller.core.errors import Malformed
from controller.core.events import OrderRefused
from controller.core.stream import Fact
from controller.handle import handle
from controller.journal import Store
from controller.wire.inbound import Input, rejected
from controller.wire.messages import MessageType
from tests.cli.past import keep_scene, segue_after
from tests.cli.segue import COMMAND, Segue
from tests.journal.messages import PLAN, installed, message, ordered, ready, release, unreadable

WROTE: Final = "see [/var/log/x], [red]this[/red] :warning:"
"""What a library for terminals would take for markup: an end that was never begun, a colour, an emoji's name."""
ORDERED: Final = "\x1b[31m\x1b]0;mine\x07\rback\nline\x9b2J\u202e"
"""Colour, the window's title, back to the line's begin, a line of one's own, C1, and right to left from here on."""
SHOWN: Final = r"\x1b[31m\x1b]0;mine\x07\rback\nline\x9b2J\u202e"
TEXT: Final = WROTE + ORDERED
QUERY: Final = "sum(rate(errors[5m]))"
LETTER: Final = "rollout.requested/2/17"


def wrote() -> list[Input]:
    """Return messages in which people, CI and Alertmanager wrote what they liked."""
    plan = {
        "name": "evening",
        "steps": [{"weight": "5 %", "hold": "1h"}],
        "gates": [{"name": "errors", "kind": "prometheus", "query": QUERY, "above": 1}],
    }
    names = {"actor": TEXT, "alertname": TEXT, "fingerprint": "f00d", "status": "firing", "release": "1.5.0"}
    fires = {**names, "labels": {"severity": "critical"}, "starts_at": "2026-03-03T03:00:00Z", "received_at_ms": 40_000}
    garbled = unreadable(WROTE.encode(), key=None)
    return [
        *installed(),
        ordered(MessageType.PLAN, 9_000, name="evening", plan=plan, actor=TEXT, reason=TEXT),
        asked("hibari"),
        ready("1.5.0", 11_000),
        message(MessageType.ALERT, "alert", 40_000, fires),
        *installed("suzume"),
        asked("suzume"),
        ready("1.5.0", 11_000, "suzume"),
        rejected(garbled, Malformed(f"message is {WROTE}; allowed: JSON")),
    ]


def asked(service: str) -> Input:
    """Return a request by somebody who writes like that."""
    said = {"actor": TEXT, "reason": TEXT, "release": asdict(release("1.5.0")), "plan": PLAN}
    return message(MessageType.REQUESTED, "request", 10_000, said, service)


@pytest.fixture(scope="module")
def segue(tmp_path_factory: pytest.TempPathFactory) -> Segue:
    """The command where all that was decided, its scene as well."""
    folder = tmp_path_factory.mktemp("plain")

    async def live(store: Store) -> None:
        await handle(store, wrote())
        await keep_scene(store, folder, TEXT)

    return segue_after(folder, live)


@pytest.mark.parametrize(
    "verb",
    [
        "history",
        "history hibari --type AlertMatched --type RolloutStarted",
        "history hibari --at 1970-01-01T00:00:12Z",
        "history suzume",
        "explain hibari-2",
        "rollout status suzume",
        "rollout status hibari",
        "rollout watch hibari --until-done",
        "backtest --plan at-once",
        "plan list hibari",
        "scene hibari-2",
    ],
)
def test_people_read_what_was_written(segue: Segue, verb: str) -> None:
    """Every bracket and every colon is there, and what a terminal would obey stands there in letters."""
    done = CliRunner().invoke(app, verb.split(), env={**segue.env, "COLUMNS": "1000"})
    assert not isinstance(done.exception, Exception), done.exception
    assert WROTE + SHOWN in done.output
    assert orders_in(done.output) == set()


@pytest.mark.parametrize("verb", ["dead-letters list", f"dead-letters show {LETTER}", "history _unaddressed"])
def test_a_letter_keeps_its_brackets(segue: Segue, verb: str) -> None:
    """What could not be read, and why, is told as it is."""
    done = CliRunner().invoke(app, verb.split(), env=segue.env)
    assert f"message is {WROTE}; allowed: JSON" in done.output


def test_letters_are_called_by_what_is_listed(segue: Segue) -> None:
    """What stands first in a line of the list is what `show` and `--after` take."""
    named = CliRunner().invoke(app, ["dead-letters", "list"], env=segue.env).output.splitlines()[-1].split()[0]
    assert CliRunner().invoke(app, ["dead-letters", "show", named], env=segue.env).exit_code == 0
    assert (
        CliRunner().invoke(app, ["dead-letters", "list", "--after", named], env=segue.env).output == "no dead letters\n"
    )
    wrong = CliRunner().invoke(app, ["dead-letters", "show", "4"], env=segue.env).exception
    assert "there is no dead letter 4: a letter is called by its topic/partition/offset" in str(wrong)


def test_a_gates_query_keeps_its_range(segue: Segue) -> None:
    """A range in PromQL stands in brackets, as markup would."""
    done = CliRunner().invoke(app, ["plan", "explain", "evening", "--service", "hibari"], env=segue.env)
    assert QUERY in " ".join(done.output.split())


@pytest.mark.parametrize("verb", ["history --json", "history --jsonl", "rollout watch hibari --until-done --json"])
def test_programs_read_the_same_text(segue: Segue, verb: str) -> None:
    """JSON carries the text as it is, and none of it such that a terminal would obey."""
    done = CliRunner().invoke(app, verb.split(), env=segue.env)
    assert orders_in(done.output) == set()
    told = [json.loads(line) for line in done.output.splitlines()] if verb != "history --json" else done.output
    assert TEXT in texts(json.loads(told) if isinstance(told, str) else told)


def test_what_is_said_of_an_order_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """So are the facts that a verb tells of its own message."""
    refused = OrderRefused(actor=TEXT, reason=TEXT, rollout="hibari-2", order="pause")
    told = Answer("id", "hibari", "rollout.ordered", 0, 0, (Fact("hibari", 1, 0, "id", refused),), 5, decided=True)
    with pytest.raises(typer.Exit):
        tell(told, as_json=False)
    out = capsys.readouterr().out
    assert WROTE + SHOWN in out
    assert orders_in(out) == set()


def test_an_error_that_quotes_is_plain(segue: Segue) -> None:
    """A sentence on standard error is no better a place for orders."""
    done = segue("explain", f"hibari-{ORDERED}")
    assert SHOWN.replace(r"\n", "\n") in done.err
    assert orders_in(done.err) == set()


@pytest.mark.parametrize("verb", ["history --csv", "history", "rollout status suzume"])
def test_a_terminal_gets_no_orders_from_others(segue: Segue, verb: str) -> None:
    """On a terminal, too, where Segue itself sets type in bold, and where CSV is for people's eyes."""
    shown = on_a_terminal(segue, *verb.split())
    assert "[/var/log/x]" in shown
    assert not {order for order in ("\x1b[31m", "\x1b]", "\x07", "\x9b", "\u202e") if order in shown}


def test_csv_for_a_program_is_as_it_was_written(segue: Segue) -> None:
    """What goes into a file or a pipe is every character of it."""
    assert WROTE + "\x1b[31m\x1b]0;mine\x07" in segue("history", "--csv").out


@pytest.mark.parametrize("text", ["", "夜間\u3000ビルド", "naïve “so” €", "👩\u200d🔧", "می\u200cروم"])
def test_what_people_write_stays(text: str) -> None:
    """No script and no picture is taken for an order: wide spaces and joiners belong to the text."""
    assert plain(text) == text
    assert json.loads(as_json(text)) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\tb\x00", r"a\tb\x00"), ("\x7f\x85", r"\x7f\x85"), ("\u2028\u2066", r"\u2028\u2066"), ("\ud800", r"\ud800")],
)
def test_what_a_terminal_may_obey_is_written_out(text: str, shown: str) -> None:
    """Controls, ends of lines that Unicode knows, directions, and halves of characters."""
    assert plain(text) == shown
    assert json.loads(as_json(text)) == text


def orders_in(text: str) -> set[str]:
    """Return the characters that may stand in nobody's text, and that a terminal would obey."""
    return {one for one in text if one != "\n" and not one.isprintable()}


def texts(value: Any) -> set[str]:
    """Return every text in a JSON value."""
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {text for one in inner for text in texts(one)}


def on_a_terminal(segue: Segue, *arguments: str) -> str:
    """Run a verb on a terminal and return all that came there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *arguments], env=segue.env, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        came = b""
        try:
            while read := os.read(ours, 65_536):
                came += read
        except OSError:
            pass  # so ends a terminal whose last writer went
        finally:
            os.close(ours)
        assert process.wait(60) == 0
    return came.decode()
