"""Hostile bytes: whatever comes, the answer is a value or Malformed with place, finding and rule."""

import json
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import Malformed
from controller.wire.strict import DEPTH_LIMIT, MESSAGE_LIMIT_BYTES, canonical, parse
from tests.wire.values import TEXT

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_good_json_is_read(value: object) -> None:
    """Every value that both sides can hold comes through, and its canonical text is stable."""
    text = canonical(value)
    assert parse(text.encode()) == value
    assert canonical(parse(text.encode())) == text
    assert parse(json.dumps(value).encode()) == value


NOISE = st.text(alphabet='{}[]",:0123456789eE+-.\\un truefalsNaI\x00', max_size=60).map(str.encode)


@given(st.binary(max_size=200) | NOISE)
def test_any_bytes_are_a_value_or_malformed(raw: bytes) -> None:
    """There is no third outcome, and what is read can be written again."""
    with suppress(Malformed):
        text = canonical(parse(raw))
        assert canonical(parse(text.encode())) == text


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "message, character 0 is the end; allowed: JSON"),
        (b"{", "message, character 1 is the end; allowed: JSON"),
        (b"nul", "message, character 0 is 'nul'; allowed: JSON"),
        (b'{"a":1,"a":2}', "key 'a' occurs twice in one object; allowed: each key once"),
        (b'{"a":NaN}', "number is NaN; allowed: finite numbers"),
        (b"[-Infinity]", "number is -Infinity; allowed: finite numbers"),
        (b"1e999", "number 1e999 is too large; allowed: numbers that a 64-bit float can hold"),
        (b"9223372036854775808", "number 9223372036854775808 has 19 digits; allowed: whole numbers of 64 bits"),
        (b"1" * 5_000, "has 5000 digits; allowed: whole numbers of 64 bits"),
        (b'"\xff"', "message, byte 1 is b'\\xff\"'; allowed: UTF-8 text"),
        (b'"\xed\xa0\x80"', "allowed: UTF-8 text"),
        (b'"\\ud800"', "text inside message is '\\ud800'; allowed: text without lone surrogates"),
        (b'{"\\udfff":1}', "allowed: text without lone surrogates"),
        (b'["a\\u0000b"]', "text inside message is 'a\\x00b'; allowed: text without the character U+0000"),
        (b'"a\x00b"', "allowed: JSON"),
        (b"\xef\xbb\xbf{}", "allowed: JSON"),
        (b"[" * 40 + b"]" * 40, "nested too deep; allowed: 32 objects and lists inside one another"),
        (b"[" * 100_000, "message"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "allowed: up to 262144 bytes"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "nested too deep"),
    ],
)
def test_hostile_json_is_malformed(raw: bytes, sentence: str) -> None:
    """Each trick is named with what is allowed instead."""
    with pytest.raises(Malformed) as error:
        parse(raw)
    assert sentence in str(error.value)


def test_depth_is_judged_the_same_at_any_depth_of_our_own_stack() -> None:
    """A message is not good in one process and bad in another because of who called."""
    deepest = b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT
    too_deep = b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1)

    def at_depth(frames: int) -> None:
        if frames:
            return at_depth(frames - 1)
        parse(deepest)
        with pytest.raises(Malformed, match="too deep"):
            parse(too_deep)
        return None

    for frames in (0, sys.getrecursionlimit() // 2):
        at_depth(frames)


def test_largest_message_is_read_and_a_larger_is_not() -> None:
    """256 KiB is the limit, to the byte."""
    good = b'"' + b"x" * (MESSAGE_LIMIT_BYTES - 2) + b'"'
    assert parse(good) == "x" * (MESSAGE_LIMIT_BYTES - 2)
    with pytest.raises(Malformed, match="is 262145 bytes long; allowed: up to 262144 bytes"):
        parse(good + b" ")


def test_what_is_shown_of_a_value_is_short() -> None:
    """An error quotes a value without repeating a page of it."""
    with pytest.raises(Malformed) as error:
        parse(b"{" + b'"' + b"k" * 1000 + b'":1,"' + b"k" * 1000 + b'":2}')
    assert len(str(error.value)) < 200
