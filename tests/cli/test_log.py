"""A log line is one JSON object, with the fields that were given and without any token."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from controller import log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Log into a text of our own, then give the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("INFO", secrets=["a-very-secret-token"], stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_extras_become_fields(lines: io.StringIO) -> None:
    """Message id, service, rollout and epoch given through `extra` are fields of the line."""
    logging.getLogger("segue.test").info(
        "decided %s", "it", extra={"message_id": "m1", "service": "hibari", "rollout": "r3", "epoch": 12}
    )
    line = json.loads(lines.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "segue.test",
        "message": "decided it",
        "message_id": "m1",
        "service": "hibari",
        "rollout": "r3",
        "epoch": 12,
    }


def test_an_exception_stays_on_one_line(lines: io.StringIO) -> None:
    """A traceback is a field of its line, so that one event stays one line."""
    try:
        raise ValueError("bad\nvalue")
    except ValueError:
        logging.getLogger().exception("failed")
    (line,) = lines.getvalue().splitlines()
    assert "ValueError: bad" in json.loads(line)["error"]


def test_a_terminal_that_shows_the_log_obeys_nobody(lines: io.StringIO) -> None:
    """What somebody wrote to colour, to clear or to turn round stands in the line in letters, and is read as it was."""
    logging.getLogger().warning("release %s", "\x1b[31m\x9b2J\u202e")
    assert json.loads(lines.getvalue())["message"] == "release \x1b[31m\x9b2J\u202e"
    assert lines.getvalue().removesuffix("\n").isprintable()


def test_no_token_reaches_a_line(lines: io.StringIO) -> None:
    """A token is blotted out, whether it comes in the text, in a field or in an exception."""
    try:
        raise ValueError("a-very-secret-token was wrong")
    except ValueError:
        logging.getLogger().exception("got %s", "a-very-secret-token", extra={"header": "Bearer a-very-secret-token"})
    assert "a-very-secret-token" not in lines.getvalue()
    assert "got ***" in lines.getvalue()


def test_libraries_speak_from_warning_up(lines: io.StringIO) -> None:
    """A library's chatter at INFO is dropped and its warnings are kept."""
    logging.getLogger("aiokafka.cluster").info("chatter")
    logging.getLogger("aiokafka.cluster").warning("trouble")
    assert [json.loads(line)["message"] for line in lines.getvalue().splitlines()] == ["trouble"]


def test_what_is_sent_to_kafka_is_not_written(lines: io.StringIO) -> None:
    """At DEBUG libraries tell what they do, but not what they send: a password's bytes do not look like it."""
    log.configure("DEBUG", secrets=["p\u00e4ssword-0123456789"], stream=lines)
    sent = "\0segue\0p\u00e4ssword-0123456789".encode()
    for name in ("aiokafka.conn", "kafka.net.connection"):
        logging.getLogger(name).debug("Request %d: SaslAuthenticateRequest(%s)", 3, sent)
    logging.getLogger("aiokafka.cluster").debug("chatter")
    assert [json.loads(line)["message"] for line in lines.getvalue().splitlines()] == ["chatter"]


def test_times_round_to_the_millisecond() -> None:
    """A time that rounds up to the next second is written as that second."""
    assert log.iso(1_772_529_299.9996) == "2026-03-03T09:15:00.000Z"
