"""Reading at once gives what reading carefully gives, or leaves the text to it: there is no third outcome."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.core.errors import Malformed
from controller.core.events import AnyEvent, ReleaseUnloaded, StepStarted, WindowMeasured
from controller.core.state import State, evolve
from controller.core.stream import Fact, begin
from controller.wire.codec import (
    GENESIS_HASH,
    SCHEMA,
    content_hash,
    event_body,
    fact_from_message,
    fact_hash,
    fact_message,
    said,
    state_json,
    written_from_message,
)
from controller.wire.quick import quick
from controller.wire.shape import shaped
from controller.wire.strict import canonical, parse_object
from controller.wire.text import text_of
from tests.wire.values import SAMPLES, TEXT, anything

KINDS: tuple[type[AnyEvent], ...] = get_args(AnyEvent)
QUICK: dict[type[Any], Callable[[bytes], Any]] = {kind: quick(kind) for kind in (*KINDS, State)}
QUOTES = ['"', "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\x00", "\\u0000", "\\ud800", "\\/", "é", '"actor":"a",']
VALUES = ["-0", "01", "1", "1e5", "1.0", "1e999", "9223372036854775807", "9223372036854775808", "null", "true", "NaN"]
PIECES = st.sampled_from(QUOTES + VALUES)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whatever can be told apart in a number."""

    whole: int
    part: float
    parts: tuple[float, ...] = ()


QUICK[Numbers] = quick(Numbers)


def carefully(kind: type[Any], text: bytes) -> object:
    """Read a text as facts were always read; "malformed" when it cannot be."""
    try:
        return shaped(kind, parse_object(text), kind.__name__)
    except Malformed:
        return "malformed"


def same(kind: type[Any], text: bytes) -> bool:
    """Say whether a text is read at once as it is read carefully, to the last bit, or not at once at all."""
    at_once = QUICK[kind](text)
    return at_once is None or repr(at_once) == repr(carefully(kind, text))


@pytest.mark.parametrize("kind", [*KINDS, State], ids=lambda kind: kind.__name__)
@given(st.data())
def test_what_is_read_at_once_is_what_is_read_carefully(kind: type[Any], data: st.DataObject) -> None:
    """A canonical text of any fact or state, and one in which anything was put anywhere, mean the same both ways."""
    text = text_of(data.draw(anything(kind))).decode()
    assert same(kind, text.encode())
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 20)))
    changed = text[:at] + data.draw(PIECES | st.just(text[at:until] * 2)) + text[until:]
    assert same(kind, changed.encode())


@given(
    st.text(alphabet="0123456789eE+-. ", min_size=1, max_size=24), st.text(alphabet="0123456789eE+-., ", max_size=40)
)
@example("9223372036854775808", "1")
@example("-0", "-0.0")
@example("1.0", "1e-7,1E5,2")
@example("1", "0.1000000000000000055511151231257827021181583404541015625,1234567890123456789.5")
def test_every_spelling_of_a_number_is_read_as_it_is_read_carefully(number: str, numbers: str) -> None:
    """No number becomes another one, a float stays a float, and what is no number is none."""
    for whole, part in (("1", number), (number, "0.5")):
        assert same(Numbers, f'{{"part":{part},"parts":[{numbers}],"whole":{whole}}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        '{"actor":"a","actor":"b","reason":"r","rollout":"","release":{}}',
        '{"actor":"\\u0000","due_ms":1,"reason":"r","rollout":"","step":1,"weight_bp":2}',
        '{"actor":"a","due_ms":99999999999999999999,"reason":"r","rollout":"","step":1,"weight_bp":2}',
        '{"actor":"a","due_ms":1,"reason":"r","rollout":"","step":1,"step":1,"weight_bp":2}',
        '{"actor":"a","due_ms":1,"reason":"r","rollout":"","step":1,"weight_bp":2,"unheard":3}',
    ],
)
def test_what_msgspec_would_let_pass_is_not_read_at_once(text: str) -> None:
    """Keys that occur twice, numbers that fit no column, and text that no database holds are looked at carefully."""
    assert QUICK[StepStarted](text.encode()) is None
    assert QUICK[ReleaseUnloaded](text.encode()) is None


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_what_is_written_today_is_read_at_once(event: AnyEvent) -> None:
    """No kind of fact takes the slow way by oversight; this is what keeps a replay quick."""
    assert QUICK[type(event)](event_body(event).encode()) == event


def test_a_state_as_it_is_written_today_is_read_at_once() -> None:
    """Who decides for ten thousand services reads one for nearly every message."""
    state = begin("hibari").state
    for number, event in enumerate(SAMPLES, 1):
        state = evolve(state, event, number)
        assert QUICK[State](state_json(state)) == state


def test_a_window_of_an_older_version_is_read_at_once() -> None:
    """Fields that came later have their defaults."""
    text = b'{"actor":"a","reason":"r","rollout":"x","window":{"end_ms":2,"start_ms":1}}'
    assert QUICK[WindowMeasured](text) == carefully(WindowMeasured, text)


@given(TEXT, TEXT, st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63 - 1), TEXT, TEXT)
def test_the_hash_is_taken_of_canonical_text(
    stream: str, cause: str, at_ms: int, position: int, type: str, body: str
) -> None:
    """How the text is put together does not change a hash that was written once."""
    text = canonical([GENESIS_HASH, stream, position, at_ms, cause, type, SCHEMA, body])
    hash = sha256(text.encode()).hexdigest()
    assert content_hash(GENESIS_HASH, stream, position, at_ms, cause, type, SCHEMA, body) == hash


@given(st.sampled_from(SAMPLES), st.data())
def test_a_changed_message_is_never_another_fact(event: AnyEvent, data: st.DataObject) -> None:
    """Whatever is put anywhere into a message, it gives the fact that was written, or it is malformed."""
    fact = Fact("hibari", 3, 1_772_530_000_000, "m-1", event)
    hash = fact_hash(GENESIS_HASH, fact)
    message = fact_message(fact, hash, GENESIS_HASH).decode()
    at = data.draw(st.integers(0, len(message)))
    changed = message[:at] + data.draw(PIECES) + message[at + data.draw(st.integers(0, 3)) :]
    with suppress(Malformed):
        read, _, read_hash = fact_from_message(changed.encode())
        assert (read, read_hash) == (fact, hash)
    with suppress(Malformed):
        written_from_message(changed.encode())


@given(st.sampled_from(SAMPLES))
def test_what_every_fact_says_is_read_alone(event: AnyEvent) -> None:
    """Who, why and in which rollout, whatever else the fact says."""
    words = said(event_body(event))
    assert (words.actor, words.reason, words.rollout) == (event.actor, event.reason, event.rollout)


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"actor":1,"reason":"r","rollout":""}', '{"actor":"a","reason":"r"}']
)
def test_what_says_nothing_is_malformed(body: str) -> None:
    """A text that is no fact says so."""
    with pytest.raises(Malformed, match="cannot be read"):
        said(body)
