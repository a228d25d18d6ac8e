"""What can be spoken, and what is refused with which reason."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.gateway.encode import Format
from controller.gateway.problem import Problem
from controller.gateway.request import read_request
from controller.gateway.text import MOST_CHARACTERS, check_text


def refusal(text: str) -> Problem:
    """Return the problem that a text has."""
    with pytest.raises(Problem) as caught:
        check_text(text)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        "7",
        "Grüße aus Köln\tund\r\nBonn",
        "日本語。",
        "नमस्ते",
        "👩‍👩‍👧 family",  # joined by U+200D, which is invisible and fine
        "a" * MOST_CHARACTERS,
    ],
)
def test_speakable(text: str) -> None:
    """Letters and digits of any script, white space, emoji beside words: all of that is spoken."""
    check_text(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_input"),
        (" \n\t ", "nothing_to_speak"),
        ("... !?", "nothing_to_speak"),
        ("🙂", "nothing_to_speak"),
        ("\u200b\u200d", "nothing_to_speak"),
        ("a\x00b", "invalid_unicode"),
        ("é\x1b[31m", "invalid_unicode"),
        ("half \ud83d of a pair", "invalid_unicode"),
        ("a\ufffe", "invalid_unicode"),
        ("a\U0010ffff", "invalid_unicode"),
        ("a\ufdd0", "invalid_unicode"),
        ("a" * (MOST_CHARACTERS + 1), "string_above_max_length"),
    ],
)
def test_unspeakable(text: str, code: str) -> None:
    """Each kind of unspeakable text is a 400 about `input` with a code of its own."""
    problem = refusal(text)
    assert (problem.status, problem.param, problem.code) == (400, "input", code)


def test_reason_says_where_without_quoting_the_text() -> None:
    """The reason names code point and position, never the text around it."""
    problem = refusal("secret\x07")
    assert "U+0007 at position 6" in problem.message
    assert "secret" not in problem.body().decode()


@given(st.text(max_size=200))
def test_every_accepted_text_can_be_sent(text: str) -> None:
    """Whatever comes, it is refused or encodes as UTF-8 and has something to speak."""
    with suppress(Problem):
        check_text(text)
        assert text.encode()
        assert any(map(str.isalnum, text))


def body(**fields: object) -> bytes:
    """Return a body; None leaves a field out."""
    whole = {"model": "tone", "input": "Hello.", **fields}
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


def test_defaults_are_openais() -> None:
    """model and input are enough: MP3, speed 1, whole."""
    request = read_request(body())
    assert (request.service, request.format, request.speed, request.stream) == ("tone", Format.MP3, 1.0, False)


def test_stream_is_asked_for_in_either_way() -> None:
    """`stream: true` and `stream_format: "audio"` both stream."""
    assert read_request(body(stream=True)).stream
    assert read_request(body(stream_format="audio")).stream


def test_user_is_the_older_or_the_newer_field() -> None:
    """`user` and its successor `safety_identifier` both name the user."""
    assert read_request(body(user="ann")).user == "ann"
    assert read_request(body(safety_identifier="bob")).user == "bob"


def test_unknown_fields_are_let_pass() -> None:
    """Fields that later clients send do not hurt."""
    assert read_request(body(instructions="cheerful", whatever=[1])).text == "Hello."


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"input": None}, "input"),
        ({"input": ["a"]}, "input"),
        ({"voice": {}}, "voice"),
        ({"response_format": "midi"}, "response_format"),
        ({"speed": 0.24}, "speed"),
        ({"speed": 4.01}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"speed": True}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"speed": 10**400}, "speed"),
        ({"stream": "yes"}, "stream"),
        ({"stream_format": "sse"}, "stream_format"),
        ({"user": 5}, "user"),
    ],
)
def test_wrong_field_is_named(fields: dict[str, object], param: str) -> None:
    """A field that is missing, of a wrong type or out of range is refused by name."""
    with pytest.raises(Problem) as caught:
        read_request(body(**fields))
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b'"text"', b"null", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    """Broken JSON, wrong UTF-8, endless nesting and values that are no object are one plain 400."""
    with pytest.raises(Problem, match="JSON"):
        read_request(raw)
