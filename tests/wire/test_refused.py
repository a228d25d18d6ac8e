"""A record that cannot be read is rejected, with a sentence that says where, what, and what is allowed."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.commands import RejectMessage
from controller.core.errors import Malformed
from controller.core.names import UNADDRESSED
from controller.wire import inbound
from controller.wire.envelope import HEADERS, STRUCTURED
from controller.wire.inbound import read, rejected
from controller.wire.topics import INBOUND, Topic
from tests.wire.records import EXAMPLES, RELEASE, REQUEST, REQUESTED, received, structured, understood, why


@pytest.mark.parametrize(
    ("endpoints", "sentence"),
    [
        (
            ["triton-a:8000", "http://triton-b:8000"],
            "data.endpoints.1 is 'http://triton-b:8000'; allowed: host:port of a Triton's HTTP, such as triton-a:8000",
        ),
        (["triton-a:8000"] * 2, "allowed: a list that has each endpoint once"),
        ("triton-a:8000", "data.endpoints is 'triton-a:8000'; allowed: a list"),
        ([8000], "data.endpoints.0 is 8000; allowed: text"),
    ],
)
def test_endpoint_that_is_none_is_refused(endpoints: object, sentence: str) -> None:
    """What no gateway could reach is refused where it stands, with what is allowed."""
    assert sentence in why(structured(REQUESTED, endpoints=endpoints))


@pytest.mark.parametrize(
    ("type", "changes", "sentence"),
    [
        (REQUESTED, {"actor": " "}, r"data.actor is ' '; allowed: text that matches \S"),
        (REQUESTED, {"reason": ""}, "data.reason is ''; allowed"),
        (REQUESTED, {"service": "Hibari"}, "data.service is 'Hibari'; allowed: text that matches ^[a-z0-9]"),
        (REQUESTED, {"service": "hibari\n"}, r"data.service is 'hibari\n'; allowed"),
        (REQUESTED, {"service": "_unaddressed"}, "data.service is '_unaddressed'; allowed"),
        (REQUESTED, {"release": None}, "data.release is None; allowed: an object"),
        (REQUESTED, {"release": {**RELEASE, "digest": "sha256:1"}}, "data.release.digest is 'sha256:1'"),
        (REQUESTED, {"release": {"model": "hibari"}}, "data.release.version is missing; allowed: a value"),
        (REQUESTED, {"release": {**RELEASE, "build_time": "yesterday"}}, "allowed: a time in ISO 8601, UTC"),
        (REQUESTED, {"release": {**RELEASE, "sample_rate_hz": 44_100.5}}, "data.release.sample_rate_hz is 44100.5"),
        (REQUESTED, {"plan": "fast lane"}, "data.plan is 'fast lane'; allowed: text that matches"),
        ("io.segue.plan.set", {"name": "fast lane"}, "data.name is 'fast lane'; allowed: text that matches"),
        ("io.segue.plan.set", {"plan": "quick"}, "data.plan is 'quick'; allowed: an object"),
        (
            "io.segue.plan.set",
            {"plan": {"steps": [{"weight": "5 %", "hold": 1}]}},
            "data.plan.steps.0.hold is 1; allowed: text such as",
        ),
        ("io.segue.plan.set", {"plan": {}}, "data.plan: it has no way to walk; give steps, pace or bake"),
        (REQUESTED, {"plan": 7}, "data.plan is 7; allowed: an object"),
        (REQUESTED, {"plan": {"steps": [{"weight_bp": 10_001, "hold_s": 1}]}}, "data.plan.steps.0.weight_bp is 10001"),
        (REQUESTED, {"plan": {"steps": [{"weight_bp": 1, "hold_s": -1}]}}, "data.plan.steps.0.hold_s is -1"),
        (
            REQUESTED,
            {"plan": {"steps": [{"weight_bp": 500, "hold_s": 1}, {"weight_bp": 5, "hold_s": 1}]}},
            "data.plan: steps go [500, 5]; allowed: weights that never shrink",
        ),
        (
            REQUESTED,
            {"plan": {"steps": [], "alerts": {"rules": [{"label": "x", "value": "y", "action": "panic"}]}}},
            "data.plan.alerts.rules.0.action is 'panic'; allowed: 'rollback', 'hold' or 'notify'",
        ),
        (
            "io.segue.rollout.override",
            {"digest": "1.6.0"},
            "data.digest is '1.6.0'; allowed: text that matches ^sha256:",
        ),
        ("io.segue.rollout.pause", {"actor": None}, "data.actor is None; allowed: text"),
        ("io.segue.alert.received", {"status": "burning"}, "data.status is 'burning'; allowed: 'firing' or 'resolved'"),
        ("io.segue.alert.received", {"labels": {"a": 1}}, "data.labels.a is 1; allowed: text"),
        ("io.segue.route.applied", {"epoch": -1}, "data.epoch is -1"),
        ("io.segue.route.applied", {"applied_at_ms": True}, "data.applied_at_ms is True; allowed: a whole number"),
        ("io.segue.route.applied", {"speaking": ["a b"]}, "data.speaking.0 is 'a b'; allowed: text that matches"),
        ("io.segue.router.ended", {"router": ""}, "data.router is ''; allowed: text that is not empty"),
        ("io.segue.release.drained", {"ensemble": ""}, "data.ensemble is ''; allowed: text that matches"),
        ("io.segue.endpoint.ejected", {"fault": "tired"}, "data.fault is 'tired'; allowed: 'away', 'timed_out'"),
        ("io.segue.endpoint.ejected", {"all_gone": "yes"}, "data.all_gone is 'yes'; allowed: true or false"),
        ("io.segue.endpoint.readmitted", {"endpoint": ""}, "data.endpoint is ''; allowed: text that is not empty"),
        ("io.segue.timer.elapsed", {"kind": "egg"}, "data.kind is 'egg'; allowed: 'readiness', 'hold',"),
    ],
)
def test_malformed_data_says_where_what_and_what_is_allowed(
    type: str, changes: dict[str, object], sentence: str
) -> None:
    """The sender learns from one sentence what to change."""
    assert sentence in why(structured(type, **changes))


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"specversion": None}, "specversion is None; allowed: '1.0', of CloudEvents"),
        ({"specversion": "0.3"}, "specversion is '0.3'"),
        (
            {"type": "io.segue.rollout.rescind"},
            "type is 'io.segue.rollout.rescind'; allowed: on rollout.requested: io.segue.",
        ),
        ({"type": "io.segue.rollout.pause"}, "type is 'io.segue.rollout.pause'; allowed: on rollout.requested"),
        ({"id": ""}, "id is ''; allowed: 1 to 256 printable characters"),
        ({"id": 7}, "id is 7"),
        ({"source": "a\nb"}, "source is 'a\\nb'"),
        ({"source": "s" * 257}, "source is 'sss"),
        (
            {"source": "segue/rejected"},
            "source is 'segue/rejected'; allowed: any but segue/rejected and segue/restored",
        ),
        ({"source": "segue/restored"}, "source is 'segue/restored'; allowed: any but"),
        ({"dataschema": "urn:other"}, "dataschema is 'urn:other'; allowed: urn:io:segue:rollout:requested:1, or none"),
        ({"datacontenttype": "text/xml"}, "datacontenttype is 'text/xml'"),
        ({"data": [1]}, "data is a list; allowed: an object"),
        ({"data_base64": "e30="}, "data_base64 is 'e30='; allowed: JSON in data"),
    ],
)
def test_malformed_envelope_says_what_is_allowed(event: dict[str, object], sentence: str) -> None:
    """CloudEvents 1.0 is asked for exactly."""
    good = {
        "specversion": "1.0",
        "type": REQUESTED,
        "source": "ci",
        "id": "1",
        "data": {"service": "hibari", **REQUEST},
    }
    assert read(received(Topic.REQUESTED, json.dumps(good).encode()))
    assert sentence in why(received(Topic.REQUESTED, json.dumps(good | event).encode()))


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        (
            (("content-type", b"application/cloudevents-batch+json"),),
            "header content-type is 'application/cloudevents-b",
        ),
        ((("content-type", b"\xff"),), "header content-type is b'\\xff'; allowed: UTF-8 text"),
        ((("ce_id", b"1"), ("ce_id", b"2")), "header 'ce_id' occurs twice"),
        ((("ce_id", b"1"),), "specversion is missing"),
        ((("ce_specversion", b"1.0"), ("content-type", b"text/plain")), "header content-type is 'text/plain'"),
        ((("ce_specversion", b"1.0"), ("ce_type", b"a\x00")), "header ce_type is 'a\\x00'; allowed: text without"),
    ],
)
def test_malformed_headers_say_what_is_allowed(headers: tuple[tuple[str, bytes], ...], sentence: str) -> None:
    """Binary mode is read as strictly as structured mode."""
    assert sentence in why(received(Topic.REQUESTED, b"{}", headers))


def test_record_without_a_value_says_nothing() -> None:
    """A tombstone on an inbound topic is no message."""
    assert why(received(Topic.ALERTS, None)).startswith("message is missing; allowed: a CloudEvent")


def test_bytes_refused_at_the_edge_stay_refused() -> None:
    """The reason that the API gave travels with the bytes, even when they look like a good message."""
    good = structured("io.segue.alert.received")
    marked = replace(good, headers=(*HEADERS, ("segue-refused", b"webhook.version is missing; allowed: '4'")))
    assert why(marked) == "webhook.version is missing; allowed: '4'"


def test_rejected_goes_to_the_service_that_was_meant() -> None:
    """A bad message of a service stands in that service's own history, under the letter's id."""
    record = structured(REQUESTED, plan="fast")
    answer = rejected(record, Malformed("data.plan is 'fast'"))
    assert (answer.source, answer.id, answer.sent_ms) == ("segue/rejected", "rollout.requested/2/17@5000", 5_000)
    assert answer.command == RejectMessage(
        service="hibari",
        actor="segue",
        reason="data.plan is 'fast'",
        topic="rollout.requested",
        partition=2,
        offset=17,
        letter="rollout.requested/2/17",
    )


def test_a_reason_of_any_length_is_cut() -> None:
    """What a sender wrote into a header never makes a fact that is too long for Kafka."""
    record = replace(structured(REQUESTED), headers=(("segue-refused", b"x" * 1_500_000),))
    assert len(understood(record).command.reason) == 2_000


def test_a_reason_can_be_printed() -> None:
    """What a sender wrote clears no terminal and ends no line: it is shown as what it is."""
    record = replace(structured(REQUESTED), headers=(("segue-refused", "\x1b[2J\n\u202e ".encode()),))
    assert understood(record).command.reason == "\\x1b[2J\\n\\u202e"


def test_a_fault_of_ours_is_a_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that our own mistake cannot read is told as that: raised, it would hold up its partition for ever."""

    def mistaken(*_: object) -> None:
        raise KeyError("nothing")

    monkeypatch.setattr(inbound, "read_data", mistaken)
    assert understood(structured(REQUESTED)).command.reason.startswith("message could not be read: KeyError('nothing')")


@pytest.mark.parametrize(
    ("value", "key", "service"),
    [
        (b"not json", b"hibari", "hibari"),
        (b'{"service":"plain"}', b"hibari", "plain"),
        (b'{"data":{"service":"NOT A NAME"},"service":"plain"}', b"hibari", "plain"),
        (b'{"data":{"service":7}}', b"hibari", "hibari"),
        (b'{"data":{"service":"NOT A NAME"}}', None, UNADDRESSED),
        (b"not json", None, UNADDRESSED),
        (b"not json", b"\xff\xfe", UNADDRESSED),
        (b"not json", b"_unaddressed", UNADDRESSED),
        (b"[]", b"", UNADDRESSED),
        (None, None, UNADDRESSED),
    ],
)
def test_rejected_finds_an_addressee_or_says_there_is_none(
    value: bytes | None, key: bytes | None, service: str
) -> None:
    """Nothing is lost because it does not say whose it is."""
    assert rejected(received(Topic.ORDERED, value, key=key), Malformed("why")).command.service == service


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_no_record_whatever_raises_anything_but_malformed(type: str, data: st.DataObject) -> None:
    """A good message in which anything was replaced by junk is a command or Malformed, and can be rejected."""
    topic, example = EXAMPLES[type]
    event: dict[str, Any] = {
        "specversion": "1.0",
        "type": type,
        "source": "ci",
        "id": "1",
        "data": {"service": "hibari", **deepcopy(example)},
    }
    place = data.draw(st.sampled_from(["event", "data", "release", "labels"]))
    target = event if place == "event" else event["data"].get(place, event["data"])
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(JUNK)
    record = received(topic, json.dumps(event).encode(), (("content-type", STRUCTURED.encode()),))
    assert understood(record).record is record


@given(
    st.sampled_from(INBOUND),
    st.none() | st.binary(max_size=60),
    st.none() | st.binary(max_size=8),
    st.lists(
        st.tuples(
            st.sampled_from(["content-type", "ce_id", "ce_specversion", "segue-refused", "x"]), st.binary(max_size=8)
        ),
        max_size=4,
    ),
)
def test_no_bytes_whatever_raise_anything_but_malformed(
    topic: Topic, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    """Noise is rejected, never an accident."""
    record = received(topic, value, tuple(headers), key)
    assert isinstance(understood(record).command, RejectMessage)
