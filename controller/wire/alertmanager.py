"""
Alertmanager's webhook, version 4, to one message per alert.

Nothing is judged here but the frame: an alert that cannot be read, or names no service, goes out as it is, so that its
reader records it as rejected, with the reason, and nothing that Alertmanager was told "202" for is lost.
This stands on the way of a rollback: plain Python on parsed JSON, some tens of microseconds an alert.
Source: Prometheus Alertmanager, documentation of `webhook_config`.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

from controller.core.errors import Malformed
from controller.wire.messages import MessageType
from controller.wire.outbound import Outgoing, message, refused_message
from controller.wire.strict import MESSAGE_LIMIT_BYTES, MISSING, canonical, parse_object, refused
from controller.wire.topics import Topic

SOURCE: Final = "segue/alertmanager"
WEBHOOK_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Some ten thousand alerts in one notification. Alertmanager does not send again what was answered 413."""

_ANNOTATION_CHARACTERS: Final = 1000
_MOST_ANNOTATIONS: Final = 50
_REASONS: Final = ("summary", "description")
_UNNAMED: Final = "unnamed"


def messages(body: bytes, received_at_ms: int) -> tuple[Outgoing, ...]:
    """
    Return one message per alert, in order; their ids follow from (fingerprint, startsAt, status).

    So a notification that is sent again, by this Alertmanager or by its twin, is recognised as seen.
    received_at_ms: when the webhook came in, milliseconds since 1970.
    Raises Malformed when the body is no webhook of version 4.
    """
    webhook = parse_object(body, "webhook", WEBHOOK_LIMIT_BYTES)
    if webhook.get("version", MISSING) != "4":
        raise refused("webhook.version", webhook.get("version", MISSING), "'4', as Alertmanager 0.16 and later send it")
    alerts = webhook.get("alerts", MISSING)
    if not isinstance(alerts, list) or not alerts:
        raise refused("webhook.alerts", alerts, "a list of one alert or more")
    return tuple(_message(alert if isinstance(alert, dict) else {"alert": alert}, received_at_ms) for alert in alerts)


def _message(alert: Mapping[str, object], received_at_ms: int) -> Outgoing:
    labels = alert.get("labels")
    named = labels if isinstance(labels, dict) else {}
    service = named.get("service", "")
    data = {
        "actor": "alertmanager",
        "fingerprint": alert.get("fingerprint"),
        "alertname": named.get("alertname", _UNNAMED),
        "status": alert.get("status"),
        "labels": labels,
        "annotations": _cut(alert.get("annotations")),
        "starts_at": alert.get("startsAt"),
        "received_at_ms": received_at_ms,
        "release": named.get("release", ""),
    }
    said = message(
        Topic.ALERTS,
        MessageType.ALERT,
        SOURCE,
        _id(alert),
        service if isinstance(service, str) else "",
        data,
        received_at_ms,
    )
    if len(said.value) <= MESSAGE_LIMIT_BYTES:
        return said
    # Kafka would refuse it, and with it all alerts that came with it, again and again. Nobody would read it either.
    why = Malformed(f"alert is {len(said.value)} bytes long; allowed: up to {MESSAGE_LIMIT_BYTES} bytes")
    return replace(refused_message(Topic.ALERTS, said.value, why), key=said.key)


def _id(alert: Mapping[str, object]) -> str:
    names = [alert.get("fingerprint"), alert.get("startsAt"), alert.get("status")]
    # Without these three it has no name of its own; its whole content has to do.
    text = canonical(names if all(isinstance(name, str) for name in names) else alert)
    return sha256(text.encode()).hexdigest()


def _cut(annotations: object) -> object:
    # People write pages into annotations; an alert must not become too long a message over that.
    if not isinstance(annotations, dict):
        return {}
    # The two that are a fact's reason first, then as they come.
    kept = sorted(annotations.items(), key=lambda pair: pair[0] not in _REASONS)[:_MOST_ANNOTATIONS]
    return {
        name[:_ANNOTATION_CHARACTERS]: value[:_ANNOTATION_CHARACTERS] if isinstance(value, str) else value
        for name, value in kept
    }
