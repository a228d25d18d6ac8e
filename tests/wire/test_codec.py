"""Facts, states and tables: one canonical text each, and back without loss."""

import json
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import Malformed
from controller.core.events import AnyEvent, StepStarted
from controller.core.routing import RoutingTable
from controller.core.state import State, table
from controller.core.stream import Fact
from controller.wire.codec import (
    GENESIS_HASH,
    SCHEMA,
    content_hash,
    event_body,
    event_from,
    event_type,
    fact_from_message,
    fact_hash,
    fact_message,
    kind_from_message,
    state_from,
    state_json,
    table_from,
    table_json,
)
from tests.wire.values import GOLDEN, SAMPLES, STATE, TEXT, anything, golden

KINDS: tuple[type[AnyEvent], ...] = get_args(AnyEvent)
FACT = Fact("hibari", 3, 1_772_530_000_000, "m-1", SAMPLES[0])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(st.data())
def test_every_fact_reads_back_as_it_was_written(kind: type[AnyEvent], data: st.DataObject) -> None:
    """Event -> body -> event loses nothing, and writing it again gives the same text."""
    event = data.draw(anything(kind))
    body = event_body(event)
    read = event_from(event_type(event), SCHEMA, body)
    assert read == event
    assert event_body(read) == body


@given(anything(State))
def test_every_state_reads_back_as_it_was_written(state: State) -> None:
    """A snapshot is the state, byte for byte."""
    assert state_from(state_json(state)) == state
    assert state_json(state_from(state_json(state))) == state_json(state)


@given(anything(RoutingTable))
def test_every_table_reads_back_as_it_was_written(table: RoutingTable) -> None:
    """A router reads exactly the table that was decided."""
    assert table_from(table_json(table)) == table
    assert table_json(table_from(table_json(table))) == table_json(table)


@given(st.sampled_from(SAMPLES), TEXT.filter(bool), st.integers(1, 10**9), st.integers(0, 10**13), TEXT)
def test_every_fact_message_reads_back(event: AnyEvent, stream: str, position: int, at_ms: int, cause: str) -> None:
    """What stands on `rollout.journal` is enough to fold the stream again and to check its chain."""
    fact = Fact(stream, position, at_ms, cause, event)
    hash = fact_hash(GENESIS_HASH, fact)
    assert fact_from_message(fact_message(fact, hash, GENESIS_HASH)) == (fact, GENESIS_HASH, hash)


@given(st.sampled_from(SAMPLES), TEXT.filter(bool), TEXT)
def test_every_fact_message_tells_its_kind(event: AnyEvent, stream: str, cause: str) -> None:
    """The kind that a message ends with is that of its fact; other text tells none."""
    fact = Fact(stream, 1, 0, cause, event)
    message = fact_message(fact, fact_hash(GENESIS_HASH, fact), GENESIS_HASH)
    assert kind_from_message(message) is type(event)
    for other in (b"", message[:-1], message + b" ", b"{}"):
        assert kind_from_message(other) is None


def test_golden_files_hold_what_is_written_today() -> None:
    """Bytes of facts never change by accident; `python -m tests.wire.values` rewrites them, for a diff to be read."""
    assert {path.name: path.read_bytes() for path in GOLDEN.glob("*.json")} == golden()


def test_golden_files_cover_every_kind_of_fact() -> None:
    """A new kind of fact comes with a golden file."""
    assert {type(event) for event in SAMPLES} == set(KINDS)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_golden_files_can_be_read_for_ever(event: AnyEvent) -> None:
    """Facts that were written once are read as the same facts."""
    fact, _, _ = fact_from_message((GOLDEN / f"{type(event).__name__}.json").read_bytes())
    assert fact.event == event


def test_equal_values_have_equal_bytes() -> None:
    """A hold of 600 seconds is the same text whether it was given as a whole number or not."""
    started = SAMPLES[0]
    assert event_body(started) == event_body(event_from(event_type(started), SCHEMA, event_body(started)))
    assert '"hold_s":600.0' in event_body(started)
    assert '"token_rate_hz":80.0' in event_body(started)


def test_text_is_canonical() -> None:
    """Keys are sorted, nothing is spaced, and every character stands for itself."""
    body = event_body(SAMPLES[0])
    assert body == json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert "晩" in body


def test_hash_depends_on_everything() -> None:
    """Whoever changes a word, a place, a time or a cause changes the hash."""
    event = StepStarted(actor="a", reason="r", rollout="x", step=1, weight_bp=2, due_ms=3)
    fact = replace(FACT, event=event)
    others = [
        replace(fact, stream="other"),
        replace(fact, position=4),
        replace(fact, at_ms=1),
        replace(fact, cause="other"),
        replace(fact, event=replace(event, weight_bp=3)),
    ]
    hashes = {fact_hash(GENESIS_HASH, each) for each in [fact, *others]} | {fact_hash("1" * 64, fact)}
    assert len(hashes) == len(others) + 2


def test_recorded_facts_are_checked_by_their_text() -> None:
    """The hash of a row is over its text as it stands, so that checking needs no reader of its schema."""
    body = event_body(FACT.event)
    assert fact_hash(GENESIS_HASH, FACT) == content_hash(
        GENESIS_HASH, FACT.stream, FACT.position, FACT.at_ms, FACT.cause, "RolloutStarted", SCHEMA, body
    )


def test_tampered_fact_message_is_malformed() -> None:
    """A message whose content is not what its hash says is refused."""
    message = fact_message(FACT, fact_hash(GENESIS_HASH, FACT), GENESIS_HASH)
    with pytest.raises(Malformed, match="hash of hibari/3"):
        fact_from_message(message.replace(b"nightly", b"weekly!"))


def test_unknown_fact_says_upgrade() -> None:
    """A fact of a newer Segue is not misread."""
    with pytest.raises(Malformed, match=r"RolloutStarted, 99.*upgrade"):
        event_from("RolloutStarted", 99, event_body(SAMPLES[0]))
    with pytest.raises(Malformed, match="Unheard"):
        event_from("Unheard", 1, "{}")


def test_fields_of_a_newer_segue_are_ignored() -> None:
    """In an upgrade a gateway goes on reading tables that have grown a field."""
    now = table(STATE)
    grown = json.loads(table_json(now)) | {"shadow": {"to": "x"}}
    assert table_from(json.dumps(grown).encode()) == now


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"epoch": "7"}, "table.epoch is '7'; allowed: a whole number"),
        ({"epoch": True}, "table.epoch is True; allowed: a whole number"),
        ({"epoch": None}, "table.epoch is None"),
        ({"arms": {}}, "table.arms is an object; allowed: a list"),
        ({"arms": [{"role": "king"}]}, "table.arms.0.role is 'king'; allowed: stable, candidate, previous"),
        ({"arms": [7]}, "table.arms.0 is 7; allowed: an object"),
        (
            {"segments": [{"name": "eu", "where": [["region"]], "weight_bp": 1}]},
            "table.segments.0.where.0 is a list; allowed: a list of 2",
        ),
        (
            {"segments": [{"name": "eu", "where": [["planet", "mars"]], "weight_bp": 1}]},
            "table.segments.0: segment eu asks for 'planet'; give region, tier, language or header:NAME",
        ),
        ({"mirror_bp": 10001}, "table: hibari has mirror_bp 10001; give 0 to 10000"),
    ],
)
def test_malformed_table_says_where(change: dict[str, object], place: str) -> None:
    """A table that cannot be read names the place, the value and what is allowed."""
    with pytest.raises(Malformed) as error:
        table_from(json.dumps(json.loads(table_json(table(STATE))) | change).encode())
    assert place in str(error.value)


def test_table_whose_weights_do_not_sum_is_malformed() -> None:
    """A router never follows a table that sends traffic nowhere."""
    text = table_json(table(STATE)).replace(b"9500", b"9400")
    with pytest.raises(Malformed, match="sum to 9900"):
        table_from(text)


def test_missing_field_is_named() -> None:
    """A field that has no default and is not there is told by name."""
    with pytest.raises(Malformed, match=r"table\.service is missing"):
        table_from(b'{"epoch":1}')
