"""Alertmanager's webhook becomes one message per alert, and nothing of it is lost."""

import json

import pytest

from controller.core.commands import RejectMessage, ReportAlert
from controller.core.errors import Malformed
from controller.core.names import UNADDRESSED
from controller.wire.alertmanager import SOURCE, WEBHOOK_LIMIT_BYTES, messages
from controller.wire.inbound import Input, read, rejected
from controller.wire.outbound import Outgoing, refused_message
from controller.wire.strict import parse_object
from controller.wire.topics import Topic
from tests.wire.records import received

NOW_MS = 1_772_530_000_123


def alert(**changes: object) -> dict[str, object]:
    """Return an alert as Alertmanager sends it."""
    labels = {"alertname": "CandidateErrors", "service": "hibari", "release": "1.6.0", "severity": "critical"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "1.6.0 fails 20 % of its requests"},
        "startsAt": "2026-03-03T09:26:40Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "c4f3b4b3",
    } | changes


def webhook(*alerts: object, **changes: object) -> bytes:
    """Return the body of a notification, version 4."""
    body = {
        "version": "4",
        "groupKey": '{}:{service="hibari"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "segue",
        "groupLabels": {"service": "hibari"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    }
    return json.dumps(body | changes).encode()


def understood(message: Outgoing) -> Input:
    """Return what the consumer makes of a message that went through Kafka."""
    record = received(message.topic, message.value, message.headers, message.key)
    try:
        return read(record)
    except Malformed as error:
        return rejected(record, error)


def test_alert_becomes_the_report_that_its_reader_expects() -> None:
    """What Alertmanager knows of an alert arrives at the core."""
    (message,) = messages(webhook(alert()), NOW_MS)
    assert (message.topic, message.key) == (Topic.ALERTS, b"hibari")
    said = understood(message)
    assert said.source == SOURCE
    assert said.command == ReportAlert(
        service="hibari",
        actor="alertmanager",
        reason="1.6.0 fails 20 % of its requests",
        fingerprint="c4f3b4b3",
        alertname="CandidateErrors",
        firing=True,
        release="1.6.0",
        labels={"alertname": "CandidateErrors", "service": "hibari", "release": "1.6.0", "severity": "critical"},
    )
    data = parse_object(message.value)["data"]
    assert isinstance(data, dict)
    assert (data["received_at_ms"], data["starts_at"]) == (NOW_MS, "2026-03-03T09:26:40Z")


def test_alerts_of_two_services_go_to_both() -> None:
    """A group may speak of several services; each gets its own message, in order."""
    other = alert(labels={"service": "hibari-en", "alertname": "Slow"}, fingerprint="2")
    first, second = messages(webhook(alert(), other), NOW_MS)
    assert (first.key, second.key) == (b"hibari", b"hibari-en")


def test_same_alert_has_the_same_id_however_often_it_is_told() -> None:
    """A repeated notification, or that of a twin Alertmanager, is recognised; another episode is not."""
    (first,) = messages(webhook(alert()), NOW_MS)
    (again,) = messages(webhook(alert(annotations={}), receiver="twin"), NOW_MS + 60_000)
    assert understood(first).id == understood(again).id
    for change in ({"status": "resolved"}, {"startsAt": "2026-03-03T10:00:00Z"}, {"fingerprint": "other"}):
        (other,) = messages(webhook(alert(**change)), NOW_MS)
        assert understood(other).id != understood(first).id


@pytest.mark.parametrize(
    ("bad", "service", "reason"),
    [
        (alert(labels={"alertname": "Errors"}), UNADDRESSED, "data.service is ''; allowed: text that matches"),
        (alert(labels={"service": "NOT A NAME"}), UNADDRESSED, "data.service is 'NOT A NAME'"),
        (alert(labels={"service": 7}), UNADDRESSED, "data.service is ''"),
        (alert(labels=None), UNADDRESSED, "data.service is ''"),
        (alert(status="burning"), "hibari", "data.status is 'burning'"),
        (alert(fingerprint=None), "hibari", "data.fingerprint is None"),
        (alert(startsAt=5), "hibari", "data.starts_at is 5"),
        (alert(labels={"service": "hibari", "x": 1}), "hibari", "data.labels.x is 1; allowed: text"),
        ("not an alert", UNADDRESSED, "data.service is ''"),
    ],
)
def test_bad_alert_is_rejected_with_its_reason_and_costs_no_neighbour(bad: object, service: str, reason: str) -> None:
    """What was answered 202 is journalled, as a report or as rejected."""
    before, message, after = messages(webhook(alert(), bad, alert(fingerprint="2")), NOW_MS)
    command = understood(message).command
    assert isinstance(command, RejectMessage)
    assert command.service == service
    assert reason in command.reason
    assert isinstance(understood(before).command, ReportAlert)
    assert isinstance(understood(after).command, ReportAlert)


def test_alert_without_a_name_is_still_an_alert() -> None:
    """Alertmanager allows alerts without alertname; one of them may be the one that matters."""
    (message,) = messages(webhook(alert(labels={"service": "hibari", "severity": "critical"})), NOW_MS)
    command = understood(message).command
    assert isinstance(command, ReportAlert)
    assert (command.alertname, command.release) == ("unnamed", "")


def test_pages_of_annotations_do_not_silence_an_alert() -> None:
    """Annotations are cut; the labels that decide are whole."""
    (message,) = messages(webhook(alert(annotations={"summary": "x" * 300_000})), NOW_MS)
    command = understood(message).command
    assert isinstance(command, ReportAlert)
    assert len(command.reason) == 1000
    many = {f"note-{number}": "x" * 999 for number in range(2_000)} | {"summary": "it fails"}
    (message,) = messages(webhook(alert(annotations=many)), NOW_MS)
    assert understood(message).command.reason == "it fails"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "webhook, character 0 is the end; allowed: JSON"),
        (b"[]", "webhook is a list; allowed: a JSON object"),
        (webhook(alert(), version="3"), "webhook.version is '3'; allowed: '4'"),
        (b"{}", "webhook.version is missing; allowed: '4'"),
        (webhook(), "webhook.alerts is a list; allowed: a list of one alert or more"),
        (webhook(alerts="x"), "webhook.alerts is 'x'"),
        (b"x" * (WEBHOOK_LIMIT_BYTES + 1), "webhook is 8388609 bytes long; allowed: up to 8388608 bytes"),
    ],
)
def test_body_that_is_no_webhook_is_malformed(body: bytes, sentence: str) -> None:
    """A frame that cannot be read is told to the sender."""
    with pytest.raises(Malformed) as error:
        messages(body, NOW_MS)
    assert sentence in str(error.value)


def test_alert_that_is_too_long_for_kafka_is_rejected_and_costs_no_neighbour() -> None:
    """Sent as it is, it would be answered 503 for ever, and with it every alert of the same notification."""
    long = alert(labels={"service": "hibari", **{f"label-{number}": "x" * 999 for number in range(2_000)}})
    rejection, neighbour = messages(webhook(long, alert()), NOW_MS)
    assert len(rejection.value) <= 1024 * 1024
    assert (rejection.key, rejection.topic) == (neighbour.key, Topic.ALERTS)
    said = understood(rejection)
    assert isinstance(said.command, RejectMessage)
    assert said.command.reason.startswith("alert is 20")
    assert "allowed: up to 262144 bytes" in said.command.reason
    assert isinstance(understood(neighbour).command, ReportAlert)


def test_refused_body_is_rejected_for_the_reason_it_was_refused_for() -> None:
    """Bytes that are no webhook are journalled too, and can never be taken for another message."""
    (good,) = messages(webhook(alert()), NOW_MS)
    message = refused_message(Topic.ALERTS, good.value, Malformed("webhook.version is missing; allowed: '4'"))
    assert message.key is None
    command = understood(message).command
    assert isinstance(command, RejectMessage)
    assert command.reason == "webhook.version is missing; allowed: '4'"
    # The bytes themselves name a service, so it is that service's history which tells of them.
    assert command.service == "hibari"
