"""Messages as consumers hand them over: each was a CloudEvent in a Kafka record before it was read."""

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256

from controller.core.names import Release
from controller.wire.envelope import HEADERS, encode
from controller.wire.inbound import Input, Received, read
from controller.wire.messages import MESSAGES, MessageType
from controller.wire.topics import Topic

SERVICE = "hibari"
PLAN = {
    "name": "short",
    "steps": [{"weight_bp": 500, "hold_s": 10}, {"weight_bp": 5000, "hold_s": 20}],
    "readiness_deadline_s": 60,
    "guard_s": 300,
    "gates": [],
}
SOURCE = "tests"


def release(version: str) -> Release:
    """Make up a release whose every name follows from its version."""
    digest = f"sha256:{sha256(version.encode()).hexdigest()}"
    return Release("hibari", version, f"hibari__{version}", digest, 44_100, 80.0, "2026-01-01T00:00:00Z")


def record(
    type: MessageType, id: str, at_ms: int, data: Mapping[str, object], service: str = SERVICE, offset: int = 0
) -> Received:
    """Return the record of a message."""
    topic = next(topic for topic, types in MESSAGES.items() if type in types)
    body = encode(type, f"{SOURCE}/{service}", id, service, data, at_ms)
    return Received(topic, 0, offset or at_ms, service.encode(), body, HEADERS, at_ms)


def message(type: MessageType, id: str, at_ms: int, data: Mapping[str, object], service: str = SERVICE) -> Input:
    """Return a message as its consumer reads it."""
    return read(record(type, id, at_ms, data, service))


def requested(version: str, at_ms: int = 1_000, id: str = "", service: str = SERVICE) -> Input:
    """Return a request to roll a release out."""
    data = {"actor": "ci", "reason": "nightly", "release": asdict(release(version)), "plan": PLAN}
    return message(MessageType.REQUESTED, id or f"request-{version}-{at_ms}", at_ms, data, service)


def ready(version: str, at_ms: int = 2_000, service: str = SERVICE) -> Input:
    """Return the word that a release is loaded, warm and spoke."""
    data = {"ensemble": release(version).ensemble, "load_s": 1.5, "probe_latency_s": 0.25, "probe_audio_s": 2.0}
    return message(MessageType.READY, f"ready-{version}-{at_ms}", at_ms, data, service)


def alert(version: str, at_ms: int = 3_000, id: str = "", service: str = SERVICE) -> Input:
    """Return a firing alert that asks for a rollback."""
    data = {
        "fingerprint": "f00d",
        "alertname": "SpeechErrors",
        "status": "firing",
        "labels": {"severity": "critical", "service": service, "release": version},
        "starts_at": "2026-03-03T03:00:00Z",
        "received_at_ms": at_ms,
        "release": version,
    }
    return message(MessageType.ALERT, id or f"alert-{version}-{at_ms}", at_ms, data, service)


def ordered(order: MessageType, at_ms: int, service: str = SERVICE, **more: object) -> Input:
    """Return an order about the running rollout."""
    return message(order, f"{order}-{at_ms}", at_ms, {"actor": "lena", "reason": "sounds flat", **more}, service)


def applied(
    epoch: int, at_ms: int, *versions: str, router: str = "gateway@a", told: bool = True, service: str = SERVICE
) -> Input:
    """Return a router's word that it serves an epoch and may speak with these releases; untold, an older one's."""
    speaking = {"speaking": [release(version).ensemble for version in versions]} if told else {}
    data = {"router": router, "epoch": epoch, "applied_at_ms": at_ms, **speaking}
    return message(MessageType.APPLIED, f"applied-{router}-{epoch}-{at_ms}", at_ms, data, service)


def drained(version: str, epoch: int, at_ms: int, router: str = "gateway@a", service: str = SERVICE) -> Input:
    """Return a router's word that it speaks with a release no more."""
    data = {"router": router, "epoch": epoch, "ensemble": release(version).ensemble}
    return message(MessageType.DRAINED, f"drained-{router}-{version}-{at_ms}", at_ms, data, service)


def ended(at_ms: int, router: str = "gateway@a", service: str = SERVICE) -> Input:
    """Return a router's word that it ends."""
    return message(MessageType.ENDED, f"ended-{router}-{at_ms}", at_ms, {"router": router}, service)


def unreadable(value: bytes = b'{"service": "hibari"', offset: int = 17, key: bytes | None = b"hibari") -> Received:
    """Return a record that is no message."""
    return Received(Topic.REQUESTED, 2, offset, key, value, (("x-from", b"\xffci"),), 5_000)


def installed(service: str = SERVICE) -> list[Input]:
    """Return the messages after which a service serves its first release, 1.4.0."""
    return [requested("1.4.0", 1_000, service=service), ready("1.4.0", 2_000, service=service)]


def rolling(version: str = "1.5.0", at_ms: int = 10_000, service: str = SERVICE) -> list[Input]:
    """Return the messages after which a release is the candidate in its first step."""
    return [requested(version, at_ms, service=service), ready(version, at_ms + 1_000, service=service)]
