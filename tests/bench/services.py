"""Services of a running Segue as the benches need them: asked for, waited for, complained of."""

import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kafka import KafkaProducer

from controller.core.events import RouteApplied, RouteSet
from controller.core.names import Release
from controller.demo.hops import read_topic
from controller.supervise.tree import Tree
from controller.wire.codec import fact_from_message
from controller.wire.shape import plain
from controller.wire.topics import Topic
from triton_models.build import build

TONE: Final = Path(__file__).parents[1] / "models" / "tone"
SLOW_PLAN: Final = {"name": "bench", "steps": [{"weight_bp": 1000, "hold_s": 3600}], "guard_s": 3600, "gates": []}
_PATIENCE_S: Final = 300


def releases(repository: Path) -> tuple[Release, Release]:
    """Build two releases of a voice that costs next to nothing."""
    first, second = (
        build(
            TONE, version, repository=repository, build_time=datetime.now(UTC), params={"voice.frequency_hz": str(hz)}
        )
        for version, hz in (("1.0.0", 440), ("1.1.0", 660))
    )
    return first, second


def request(tree: Tree, services: Sequence[str], release: Release, plan: object = SLOW_PLAN) -> None:
    """Ask for a release of each service."""
    producer = KafkaProducer(bootstrap_servers=tree.kafka, acks="all")
    for service in services:
        event = {
            "specversion": "1.0",
            "type": "io.segue.rollout.requested",
            "source": "bench",
            "id": str(uuid.uuid4()),
            "data": {
                "service": service,
                "release": plain(release),
                "plan": plan,
                "actor": "bench",
                "reason": "to be measured",
            },
        }
        producer.send(Topic.REQUESTED.value, key=service.encode(), value=json.dumps(event).encode())
    producer.flush()
    producer.close()


def wait_for_weight(tree: Tree, services: Sequence[str], release: Release) -> None:
    """Wait until a gateway applied, for each service, the last route, and that names the release."""
    deadline = time.monotonic() + _PATIENCE_S
    missing = set(services)
    while missing:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(missing)} services never served {release.version}, such as {min(missing)}")
        time.sleep(0.5)
        routes, applied = routes_of(tree)
        missing = {
            service
            for service in services
            if service not in routes
            or release not in [arm.release for arm in routes[service].arms]
            or applied.get((service, routes[service].epoch)) is None
        }


def routes_of(tree: Tree) -> tuple[dict[str, RouteSet], dict[tuple[str, int], int]]:
    """Return each service's last route, and when a gateway applied which epoch of which service, milliseconds."""
    routes: dict[str, RouteSet] = {}
    applied: dict[tuple[str, int], int] = {}
    for message in read_topic(tree.kafka, "", Topic.JOURNAL):
        fact, _, _ = fact_from_message(message.value)
        if isinstance(fact.event, RouteSet):
            routes[fact.stream] = fact.event
        elif isinstance(fact.event, RouteApplied):
            applied[fact.stream, fact.event.epoch] = fact.event.applied_at_ms
    return routes, applied


def webhook(service: str, release: Release) -> dict[str, object]:
    """Return what Alertmanager posts of a critical alert about a release."""
    alert = {
        "status": "firing",
        "labels": {
            "alertname": "BenchErrors",
            "service": service,
            "release": release.version,
            "severity": "critical",
        },
        "annotations": {"summary": "errors"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": service,
    }
    return {
        "version": "4",
        "groupKey": service,
        "status": "firing",
        "receiver": "segue",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "truncatedAlerts": 0,
        "alerts": [alert],
    }
