"""Records as they come from Kafka, for tests of reading them."""

import json
from dataclasses import asdict

import pytest

from controller.core.errors import Malformed
from controller.wire.envelope import HEADERS, encode
from controller.wire.inbound import Input, Received, read, rejected
from controller.wire.topics import Topic
from tests.wire.values import NEW

REQUESTED = "io.segue.rollout.requested"
RELEASE: dict[str, object] = asdict(NEW)
REQUEST: dict[str, object] = {"actor": "ci", "reason": "nightly", "release": RELEASE}
ORDER: dict[str, object] = {"actor": "lena", "reason": "sounds flat"}
ALERT: dict[str, object] = {
    "fingerprint": "f00d",
    "alertname": "Errors",
    "status": "firing",
    "labels": {"service": "hibari", "severity": "critical"},
    "starts_at": "2026-03-03T09:00:00Z",
    "received_at_ms": 1_772_530_000_000,
}
READY: dict[str, object] = {"ensemble": "hibari__1_6_0", "load_s": 1.5, "probe_latency_s": 0.1, "probe_audio_s": 2}
WINDOW: dict[str, object] = {
    "rollout": "hibari-2",
    "start_ms": 1_772_530_800_000,
    "end_ms": 1_772_530_810_000,
    "candidate": {"requests": 25, "failures": 1, "blocks": 5, "failed_blocks": 1, "latency": [[-4, 20], [3, 4]]},
    "stable": {"requests": 475, "failures": 1, "blocks": 95, "failed_blocks": 1},
    "memory": {"candidate_bytes": 600_000_000, "stable_bytes": 500_000_000, "source": "process"},
    "readings": [{"gate": "queue", "value": 2.5}, {"gate": "lab", "outcome": "pass", "reason": "it sounds well"}],
}

ENDPOINT: dict[str, object] = {
    "ensemble": "hibari__1_6_0",
    "endpoint": "triton-7:8000",
    "router": "gateway@a",
    "consecutive": 5,
    "reason": "it did not answer",
}
EJECTED = ENDPOINT | {"fault": "away", "probed": False, "all_gone": True, "others_speak": True}
KEPT: dict[str, object] = {
    "rollout": "hibari-2",
    "place": "/var/lib/segue/scenes/hibari-2",
    "manifest_sha256": "ab" * 32,
    "size_bytes": 52_340,
    "reason": "1.6.0 was taken back",
}
EXAMPLES: dict[str, tuple[Topic, dict[str, object]]] = {
    "io.segue.rollout.requested": (Topic.REQUESTED, REQUEST),
    "io.segue.rollout.pause": (Topic.ORDERED, ORDER),
    "io.segue.rollout.resume": (Topic.ORDERED, ORDER),
    "io.segue.rollout.promote": (Topic.ORDERED, ORDER),
    "io.segue.rollout.advance": (Topic.ORDERED, ORDER),
    "io.segue.rollout.extend": (Topic.ORDERED, {**ORDER, "by_s": 3600}),
    "io.segue.rollout.approve": (Topic.ORDERED, {**ORDER, "gate": "ear", "role": "voice-quality"}),
    "io.segue.rollout.reject": (Topic.ORDERED, {**ORDER, "gate": "ear"}),
    "io.segue.rollout.rollback": (Topic.ORDERED, {**ORDER, "rollout": "hibari-2", "to": "1.4.0"}),
    "io.segue.rollout.override": (Topic.ORDERED, {**ORDER, "digest": NEW.digest}),
    "io.segue.rollout.mark": (Topic.ORDERED, {**ORDER, "rollout": "hibari-2", "false_alarm": True}),
    "io.segue.service.retire": (Topic.ORDERED, ORDER),
    "io.segue.plan.set": (Topic.ORDERED, {**ORDER, "name": "evening", "plan": {"steps": []}}),
    "io.segue.alert.received": (Topic.ALERTS, ALERT),
    "io.segue.release.ready": (Topic.SIGNALS, READY),
    "io.segue.release.failed": (Topic.SIGNALS, {"ensemble": "x", "unknown": True, "reason": "there is none"}),
    "io.segue.release.unloaded": (Topic.SIGNALS, {"ensemble": "x", "reason": "drained"}),
    "io.segue.route.applied": (Topic.SIGNALS, {"router": "gateway@a", "epoch": 7, "applied_at_ms": 5}),
    "io.segue.release.drained": (Topic.SIGNALS, {"router": "gateway@a", "epoch": 7, "ensemble": "hibari__1_5_0"}),
    "io.segue.router.ended": (Topic.SIGNALS, {"router": "gateway@a"}),
    "io.segue.window.measured": (Topic.SIGNALS, WINDOW),
    "io.segue.endpoint.ejected": (Topic.SIGNALS, EJECTED),
    "io.segue.endpoint.readmitted": (Topic.SIGNALS, ENDPOINT),
    "io.segue.scene.kept": (Topic.SIGNALS, KEPT),
    "io.segue.scene.dropped": (
        Topic.SIGNALS,
        {"rollout": "hibari-2", "place": "/var/lib/segue/scenes/hibari-2", "reason": "it is older than 90 days"},
    ),
    "io.segue.timer.elapsed": (Topic.SIGNALS, {"kind": "hold", "epoch": 4}),
}
"""One good message of every type: its topic and its data."""


def received(
    topic: Topic,
    value: bytes | None,
    headers: tuple[tuple[str, bytes], ...] = (),
    key: bytes | None = b"hibari",
) -> Received:
    """Return a record as the broker gave it, stamped at 5 s after 1970."""
    return Received(topic, 2, 17, key, value, headers, 5_000)


def structured(type: str, **changes: object) -> Received:
    """Return a good structured-mode record of this type, with changes to its data."""
    topic, example = EXAMPLES[type]
    body = {**example, **changes}
    service = str(body.get("service", "hibari"))
    return received(topic, encode(type, "ci", "m-1", service, body, 1_000), HEADERS)


def binary(type: str, **changes: object) -> Received:
    """Return the same record in binary mode."""
    topic, example = EXAMPLES[type]
    headers = {"ce_specversion": "1.0", "ce_type": type, "ce_source": "ci", "ce_id": "m-1"}
    value = json.dumps({"service": "hibari", **example, **changes}).encode()
    named = (("content-type", b"application/json"), *((name, text.encode()) for name, text in headers.items()))
    return received(topic, value, named)


def understood(record: Received) -> Input:
    """Turn a record into one input, as consumers do."""
    try:
        return read(record)
    except Malformed as error:
        return rejected(record, error)


def why(record: Received) -> str:
    """Return the sentence with which a record is refused."""
    with pytest.raises(Malformed) as error:
        read(record)
    return str(error.value)
