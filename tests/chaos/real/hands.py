"""Hands that ask, order and alert until they are told that it was taken, and remember what was."""

import itertools
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from kafka import KafkaProducer
from kafka.errors import KafkaError

from controller.core.names import Release
from controller.wire.shape import plain
from controller.wire.topics import Topic
from tests.chaos.real.stack import Stack

_SOURCE = "chaos"
_AGAIN_S = 0.1
_ALERTS = itertools.count(1)


@dataclass
class Hands:
    """
    taken: of each message that was acknowledged, by Kafka or by the webhook, its topic and what it is known by: its id,
    its fingerprint, or all that it says when nobody can read it.
    """

    stack: Stack
    taken: list[tuple[Topic, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        # As soon as Kafka is back it is found: what is measured is how soon the stack finds it.
        self._producer = KafkaProducer(
            bootstrap_servers=self.stack.kafka,
            acks="all",
            enable_idempotence=False,
            retries=0,
            max_block_ms=1_000,
            delivery_timeout_ms=2_000,
            request_timeout_ms=1_500,
            reconnect_backoff_ms=50,
            reconnect_backoff_max_ms=100,
        )
        self._http = httpx.Client(timeout=5)

    def close(self) -> None:
        """Let go of connections."""
        self._producer.close(timeout=2)
        self._http.close()

    def request(self, service: str, release: Release, endpoint: str) -> float:
        """
        Ask for a release that is to stand at half of the traffic until something happens.

        Returns when it was taken, milliseconds since 1970.
        """
        plan = {"name": "chaos", "steps": [{"weight_bp": 5000, "hold_s": 3600}], "guard_s": 3600, "gates": []}
        data = {"release": plain(release), "plan": plan, "actor": "ci", "reason": "the next build"}
        self._publish(Topic.REQUESTED, service, "rollout.requested", {**data, "endpoints": [endpoint]})
        return time.time() * 1000

    def order(self, service: str, what: str, **data: object) -> str:
        """Give an order as a person would; return the message's id."""
        return self._publish(
            Topic.ORDERED, service, f"rollout.{what}", {"actor": "ann", "reason": "she says so", **data}
        )

    def nonsense(self, service: str) -> None:
        """Publish what nobody can read; it has to stand in the dead letters."""
        text = json.dumps({"specversion": "1.0", "type": 7, "what": str(uuid.uuid4())})
        self._send(Topic.ORDERED, service, text.encode(), text)

    def alert(self, service: str, release: str, action: str = "rollback") -> float:
        """
        Fire an alert as Alertmanager does: again and again, at one address and the next, until it is taken.

        Returns when it was taken, milliseconds since 1970.
        """
        number = next(_ALERTS)
        labels = {"alertname": "Bad", "service": service, "release": release, "severity": "critical", "action": action}
        alert = {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": "it is bad"},
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": f"chaos-{number}",
        }
        body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "segue", "alerts": [alert]}
        token = {"authorization": f"Bearer {self.stack.tokens.of('alertmanager')}"}
        for api in itertools.cycle(self.stack.named("api")):
            try:
                answer = self._http.post(f"{self.stack.url(api)}/alertmanager", json=body, headers=token)
                if answer.status_code == 202:
                    taken_ms = time.time() * 1000
                    self._took(Topic.ALERTS, f"chaos-{number}")
                    return taken_ms
            except httpx.HTTPError:
                pass
            time.sleep(_AGAIN_S)
        raise AssertionError("the stack has no API")

    def _publish(self, topic: Topic, service: str, kind: str, data: Mapping[str, object]) -> str:
        id = str(uuid.uuid4())
        event = {"specversion": "1.0", "type": f"io.segue.{kind}", "source": _SOURCE, "id": id}
        self._send(topic, service, json.dumps({**event, "data": {"service": service, **data}}).encode(), id)
        return id

    def _send(self, topic: Topic, service: str, value: bytes, id: str) -> None:
        """Publish until Kafka has it: the same message, so that one of which only the answer was lost is quiet."""
        while True:
            try:
                self._producer.send(topic.value, key=service.encode(), value=value).get(timeout=5)
                break
            except KafkaError:
                time.sleep(_AGAIN_S)
        self._took(topic, id)

    def _took(self, topic: Topic, word: str) -> None:
        with self._lock:
            self.taken.append((topic, word))
