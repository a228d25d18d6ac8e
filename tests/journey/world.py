"""The running whole, seen from outside: publish messages, post alerts, speak, and read what became of it."""

import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httpx
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from controller.core.events import (
    EndpointEjected,
    EndpointReadmitted,
    ReleaseDrained,
    ReleaseUnloaded,
    RouteApplied,
    RouterEnded,
    RouteSet,
    SceneKept,
)
from controller.core.names import Release
from controller.core.routing import RoutingTable
from controller.core.stream import Fact
from controller.supervise.tree import Tree
from controller.wire.codec import fact_from_message, table_from
from controller.wire.shape import plain
from controller.wire.topics import Topic
from tests.journey.pager import Pager
from tests.journey.tale import arms, sentence
from triton_models.build import build

TONE = Path(__file__).parents[1] / "models" / "tone"
PATIENCE_S = 30

_WHENEVER = (
    RouteApplied,
    RouterEnded,
    ReleaseDrained,
    ReleaseUnloaded,
    EndpointEjected,
    EndpointReadmitted,
    SceneKept,
)
"""Reported when somebody comes to it: claimed on their own (`applied`, `unloaded`, `scene`), not in the order."""

STAY = [{"weight_bp": 5000, "hold_s": 3600}]
"""Steps for a rollout that is to stand still at half of the traffic until something happens."""


class Reader:
    """Reads journal, tables and dead letters as any outside reader would, from the start, on a thread of its own."""

    def __init__(self, bootstrap: str) -> None:
        self.facts: dict[str, dict[int, Fact]] = defaultdict(dict)
        self.tables: dict[str, RoutingTable] = {}
        self.letters: list[Mapping[str, object]] = []
        self.news = threading.Condition()
        self._bootstrap = bootstrap
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, group_id=None
        )
        topics = (Topic.JOURNAL, Topic.TABLE, Topic.DEAD)
        partitions = [
            TopicPartition(topic.value, number)
            for topic in topics
            for number in sorted(consumer.partitions_for_topic(topic.value) or ())
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        while not self._ended.is_set():
            for partition, records in consumer.poll(timeout_ms=50).items():
                with self.news:
                    for record in records:
                        if record.value is not None:
                            self._take(Topic(partition.topic), record.value)
                    self.news.notify_all()
        consumer.close()

    def _take(self, topic: Topic, value: bytes) -> None:
        if topic is Topic.JOURNAL:
            fact, _, _ = fact_from_message(value)
            # Delivered at least once: the same position again is the same fact.
            self.facts[fact.stream].setdefault(fact.position, fact)
        elif topic is Topic.TABLE:
            table = table_from(value)
            self.tables[table.service] = table
        else:
            self.letters.append(json.loads(value))


@dataclass
class World:
    """Segue on one store, and the hands and eyes of a tester."""

    tree: Tree
    reader: Reader
    store: str
    producer: KafkaProducer
    pager: Pager
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()
        self.producer.close()

    def release(self, version: str, **parameters: str) -> Release:
        """Build a release of the tone family; parameters such as max_characters="20"."""
        params = {f"voice.{name}": value for name, value in parameters.items()}
        repository = self.tree.settings.repository
        return build(TONE, version, repository=repository, build_time=datetime.now(UTC), params=params)

    def publish(self, topic: Topic, service: str, value: bytes) -> None:
        """Publish raw bytes under a service's key, and wait for Kafka's word."""
        self.producer.send(topic.value, key=service.encode(), value=value).get(timeout=20)

    def event(self, kind: str, service: str, data: Mapping[str, object]) -> bytes:
        """Return a structured CloudEvent as an outside publisher would write it."""
        return json.dumps(
            {
                "specversion": "1.0",
                "type": f"io.segue.{kind}",
                "source": "journey",
                "id": str(uuid.uuid4()),
                "data": {"service": service, **data},
            }
        ).encode()

    def webhook(self, *alerts: Mapping[str, object]) -> httpx.Response:
        """Post a notification to Segue as Alertmanager would."""
        body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "segue", "alerts": list(alerts)}
        token = self.tree.tokens.of("alertmanager")
        return self.http.post(
            f"{self.tree.api_url}/alertmanager", json=body, headers={"authorization": f"Bearer {token}"}
        )

    def fire_in_alertmanager(self, *labels: Mapping[str, str]) -> None:
        """Let the real Alertmanager believe that a rule fired."""
        body = [{"labels": dict(each), "annotations": {"summary": "a journey says so"}} for each in labels]
        self.http.post(f"{self.tree.alertmanager_url}/api/v2/alerts", json=body).raise_for_status()

    def until(self, what: str, found: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait for something to become true of what the reader read; says what never came."""
        deadline = time.monotonic() + patience_s
        with self.reader.news:
            while not found():
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(f"{what} did not happen within {patience_s} s")
                self.reader.news.wait(left_s)


@dataclass
class Tale:
    """One service in the world, and what is told of it."""

    world: World
    service: str

    def request(self, release: Release, steps: object = None, *, endpoints: object = (), **plan: object) -> None:
        """Ask for a rollout as CI would; by default one that stands still at half the traffic."""
        asked = {"name": "journey", "steps": STAY if steps is None else steps, "guard_s": 3600, "gates": [], **plan}
        data = {"release": plain(release), "plan": asked, "actor": "ci", "reason": "a journey", "endpoints": endpoints}
        event = self.world.event("rollout.requested", self.service, data)
        self.world.publish(Topic.REQUESTED, self.service, event)

    def order(self, what: str, **data: object) -> None:
        """Give an order as a person would."""
        event = self.world.event(f"rollout.{what}", self.service, {"actor": "ann", "reason": "she says so", **data})
        self.world.publish(Topic.ORDERED, self.service, event)

    def install(self, release: Release) -> list[str]:
        """Make a release the service's first, and return the facts that this takes."""
        self.request(release)
        expected = [
            f"RolloutStarted {self.service}-1 {release.version} from nothing",
            f"ReleaseReady {release.version}",
            f"RolloutPromoted {release.version} over nothing",
            f"RouteSet 1 stable={release.version}:10000",
        ]
        self.told(*expected)
        return expected

    def walk_to_candidate(self, old: Release, new: Release) -> list[str]:
        """Install one release, let another stand at half of the traffic, and return the facts."""
        expected = self.install(old)
        self.request(new)
        expected += [
            f"RolloutStarted {self.service}-2 {new.version} from {old.version}",
            f"ReleaseReady {new.version}",
            "StepStarted 0 5000",
            f"RouteSet 2 stable={old.version}:5000 candidate={new.version}:5000",
        ]
        self.told(*expected)
        self.applied(2)
        return expected

    def alert(self, release: str, status: str = "firing", **labels: str) -> dict[str, object]:
        """Return an alert as Alertmanager's webhook carries it, critical unless the labels say otherwise."""
        named = {"alertname": "Bad", "service": self.service, "release": release, "severity": "critical", **labels}
        return {
            "status": status,
            "labels": named,
            "annotations": {"summary": "it is bad"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": f"{self.service}-{release}",
        }

    def told(self, *expected: str) -> None:
        """Wait for as many facts as are expected and claim that they are these, in this order."""
        try:
            self.world.until(f"{self.service}: {expected[-1]}", lambda: len(self.sentences()) >= len(expected))
        except TimeoutError:
            assert self.sentences() == list(expected)
        assert self.sentences() == list(expected)

    def sentences(self) -> list[str]:
        """Return all facts so far, except what routers and unloading report whenever they come to it."""
        return [sentence(fact.event) for fact in self.facts() if not isinstance(fact.event, _WHENEVER)]

    def facts(self) -> list[Fact]:
        """Return all facts so far by position; raises when one is missing between others."""
        known = self.world.reader.facts[self.service]
        facts = [known[position] for position in sorted(known)]
        assert [fact.position for fact in facts] == list(range(1, len(facts) + 1)), "a position is missing"
        return facts

    def applied(self, epoch: int) -> None:
        """Wait until the gateway reported that it serves this epoch."""
        self.world.until(
            f"{self.service}: the gateway applies epoch {epoch}",
            lambda: any(isinstance(f.event, RouteApplied) and f.event.epoch == epoch for f in self.facts()),
        )

    def unloaded(self, release: Release) -> None:
        """Wait until a release was reported unloaded."""
        self.world.until(
            f"{self.service}: {release.version} is unloaded",
            lambda: any(
                isinstance(f.event, ReleaseUnloaded) and f.event.ensemble == release.ensemble for f in self.facts()
            ),
        )

    def scene(self) -> SceneKept:
        """Wait until a scene was reported kept, and return what the journal says of it."""
        kept = [SceneKept(actor="", reason="", place="", manifest_sha256="", size_bytes=0)]

        def found() -> bool:
            kept[:] = [fact.event for fact in self.facts() if isinstance(fact.event, SceneKept)]
            return bool(kept)

        self.world.until(f"{self.service}: a scene is kept", found)
        return kept[0]

    def table(self) -> list[str]:
        """Return who serves how much by the table of the last fact so far; the topics have no common order."""
        epoch = max(fact.event.epoch for fact in self.facts() if isinstance(fact.event, RouteSet))
        tables = self.world.reader.tables
        self.world.until(
            f"{self.service}: table {epoch}", lambda: self.service in tables and tables[self.service].epoch >= epoch
        )
        return arms(tables[self.service].arms)

    def say(self, text: str = "hello there", user: str = "ann", **headers: str) -> httpx.Response:
        """Ask the gateway for an utterance, raw audio; header names with underscores become dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.world.http.post(
            f"{self.world.tree.gateway_url}/v1/audio/speech",
            json={"model": self.service, "input": text, "response_format": "pcm"},
            headers={"x-segue-user": user, **named},
        )

    def served_by(self, users: Iterable[str], **headers: str) -> dict[str, str]:
        """Let users speak and return which release served each; every one of them must be served."""
        served = {}
        for user in users:
            response = self.say(user=user, **headers)
            assert response.status_code == 200, response.text
            served[user] = response.headers["x-segue-release"]
        return served
