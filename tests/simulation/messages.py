"""What may be said in a simulation, as it stands in Kafka; a release's every name follows from its version."""

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Final

from controller.core.names import Release
from controller.wire.envelope import HEADERS, encode
from controller.wire.messages import MESSAGES, MessageType
from tests.simulation.clock import EPOCH_S
from tests.simulation.schedule import Sent

Data = Mapping[str, object]

WAITS_S: Final = (3, 4, 8, 10, 12)
"""How long the plans' holds, guards and deadlines are, seconds."""

PLANS: Final[tuple[Data, ...]] = tuple(
    {"name": name, "steps": steps, "readiness_deadline_s": 12, "guard_s": 10, "gates": []}
    for name, steps in (
        ("two", [{"weight_bp": 500, "hold_s": 3}, {"weight_bp": 5000, "hold_s": 4}]),
        ("one", [{"weight_bp": 1000, "hold_s": 8}]),
        ("blunt", []),
    )
)


def say(at_s: float, id: str, service: str, kind: MessageType, data: Data, told: str) -> Sent:
    """Return a message that is sent at at_s, seconds since the beginning."""
    topic = next(topic for topic, types in MESSAGES.items() if kind in types)
    at_ms = EPOCH_S * 1000 + int(at_s * 1000)
    body = encode(kind, f"tests/{topic}", id, service, data, at_ms)
    return Sent(round(at_s, 3), topic, service.encode(), body, HEADERS, f"{service}: {told}")


def requested(at_s: float, id: str, service: str, version: str, plan: Data = PLANS[0]) -> Sent:
    """Somebody asks for a rollout."""
    data = {"actor": "ci", "reason": "nightly", "release": asdict(release(service, version)), "plan": plan}
    return say(at_s, id, service, MessageType.REQUESTED, data, f"request {version}")


def ready(at_s: float, id: str, service: str, version: str) -> Sent:
    """The release worker has loaded a release and heard it."""
    heard = {"load_s": 1.5, "probe_latency_s": 0.25, "probe_audio_s": 2.0}
    data = {"ensemble": release(service, version).ensemble, **heard}
    return say(at_s, id, service, MessageType.READY, data, f"ready {version}")


def failed(at_s: float, id: str, service: str, version: str) -> Sent:
    """The release worker could not bring a release up."""
    data = {"ensemble": release(service, version).ensemble, "reason": "it is silent"}
    return say(at_s, id, service, MessageType.FAILED, data, f"failed {version}")


def alert(at_s: float, id: str, service: str, version: str, status: str = "firing", severity: str = "critical") -> Sent:
    """Alertmanager reports an alert about a release, or about whichever serves when version is ""."""
    data = {
        "fingerprint": "f00d",
        "alertname": "SpeechErrors",
        "status": status,
        "labels": {"severity": severity, "service": service, "release": version},
        "starts_at": "2026-03-03T03:00:00Z",
        "received_at_ms": EPOCH_S * 1000 + int(at_s * 1000),
        "release": version,
    }
    return say(at_s, id, service, MessageType.ALERT, data, f"{severity} alert {version} {status}")


def ordered(at_s: float, id: str, service: str, version: str, kind: MessageType) -> Sent:
    """Somebody gives an order."""
    digest = {"digest": release(service, version).digest} if kind is MessageType.OVERRIDE else {}
    data = {"actor": "lena", "reason": "it is time", **digest}
    return say(at_s, id, service, kind, data, str(kind).rsplit(".", 1)[-1])


def release(service: str, version: str) -> Release:
    """Make up a release."""
    digest = sha256(f"{service}{version}".encode()).hexdigest()
    built = "2026-01-01T00:00:00Z"
    return Release(service, version, f"{service}__{version}", f"sha256:{digest}", 44_100, 80.0, built)
