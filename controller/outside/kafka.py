"""
Kafka's administration, and publishing from scripts at the edge, with kafka-python.

Consumers and the relay live in `consumers/` and speak aiokafka; nothing here is on the way of an alert.
"""

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource
from kafka.errors import KafkaError, TopicAlreadyExistsError

from controller.brokers import Kafka, brokers, place
from controller.core.errors import Broken, Unavailable
from controller.wire.topics import SPECS, TopicSpec, topic_name

_NOT_THERE = 3  # Kafka's error code UNKNOWN_TOPIC_OR_PARTITION
_BROKER_DEFAULT = -1
_CONNECT_S = 3.0
_ASK_AGAIN_S = 0.1


class Found(StrEnum):
    """How a topic was found, and what was done about it."""

    CREATED = "created"
    CORRECTED = "corrected"
    AS_SPECIFIED = "as specified"


@dataclass(frozen=True, slots=True)
class Provisioned:
    """One topic after `ensure_topics`; `note` says in a sentence what was changed or cannot be."""

    topic: str
    found: Found
    note: str = ""


def ensure_topics(kafka: Kafka, prefix: str = "", *, timeout_s: float = 30) -> tuple[Provisioned, ...]:
    """
    Create the topics that are missing and correct the settings of those that drifted; running it again changes nothing.

    prefix: put before every topic's name. The replication factor is the broker's
    default. A partition count that differs is told, never changed: another count would send a service's next messages
    to another partition than its last ones, out of order.
    Raises Unavailable when Kafka does not answer, Broken when it refuses.
    """
    specs = {topic_name(topic, prefix): spec for topic, spec in SPECS.items()}
    with kafka_errors(kafka, "provision its topics"), admin(kafka, timeout_s) as client:
        partitions = _partitions(client, list(specs))
        missing = {name: spec for name, spec in specs.items() if name not in partitions}
        if missing:
            _create(client, missing, timeout_s)
        present = {name: spec for name, spec in specs.items() if name in partitions}
        corrected = _correct(client, present) if present else {}
    return tuple(
        Provisioned(name, Found.CREATED)
        if name in missing
        else _provisioned(name, spec, partitions[name], corrected.get(name, {}))
        for name, spec in specs.items()
    )


def publish(
    kafka: Kafka,
    topic: str,
    key: str,
    value: bytes,
    *,
    headers: Sequence[tuple[str, bytes]] = (),
    timeout_s: float = 10,
) -> tuple[int, int]:
    """
    Publish one message and return its (partition, offset) once all replicas have it.

    topic: the whole name, prefix included. Raises Unavailable when that took longer than timeout_s, Broken when Kafka
    refuses the message.
    """
    timeout_ms = round(timeout_s * 1000)
    await_brokers(kafka, timeout_s)
    with kafka_errors(kafka, f"take a message for {topic}"):
        producer = KafkaProducer(
            **brokers(kafka).client(),
            acks="all",
            linger_ms=0,
            max_block_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
            delivery_timeout_ms=timeout_ms,
            bootstrap_timeout_ms=timeout_ms,
            allow_auto_create_topics=False,
        )
        try:
            sent = producer.send(topic, key=key.encode(), value=value, headers=list(headers)).get(timeout_s)
            return sent.partition, sent.offset
        finally:
            producer.close(timeout=1)


def _provisioned(name: str, spec: TopicSpec, partitions: int, corrected: Mapping[str, str]) -> Provisioned:
    notes = [f"set {setting} to {value}" for setting, value in corrected.items()]
    if partitions != spec.partitions:
        notes.append(f"it has {partitions} partitions, not {spec.partitions}; that stays, for order's sake")
    return Provisioned(name, Found.CORRECTED if corrected else Found.AS_SPECIFIED, "; ".join(notes))


def _partitions(admin: KafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Count the partitions of those topics that are there."""
    topics = admin.describe_topics(names)
    return {topic["name"]: len(topic["partitions"]) for topic in topics if topic["error_code"] != _NOT_THERE}


def _create(admin: KafkaAdminClient, missing: Mapping[str, TopicSpec], timeout_s: float) -> None:
    wanted = {
        name: {
            "num_partitions": spec.partitions,
            "replication_factor": _BROKER_DEFAULT,
            "configs": dict(spec.config),
        }
        for name, spec in missing.items()
    }
    try:
        admin.create_topics(wanted)
    except TopicAlreadyExistsError:
        # Another process provisions at the same time, from the same specification; those it left out are ours.
        if left := {name: spec for name, spec in missing.items() if name not in _partitions(admin, list(missing))}:
            return _create(admin, left, timeout_s)
    admin.wait_for_topics(list(missing), timeout_ms=round(timeout_s * 1000))
    return None


def _correct(admin: KafkaAdminClient, present: Mapping[str, TopicSpec]) -> dict[str, dict[str, str]]:
    """Set what differs from the specification, and return it: topic -> setting -> value."""
    asked = [ConfigResource("TOPIC", name, list(spec.config)) for name, spec in present.items()]
    standing = admin.describe_configs(asked, config_filter="all").get("topic", {})
    drift = {
        name: {
            setting: value
            for setting, value in spec.config.items()
            if standing.get(name, {}).get(setting, {}).get("value") != value
        }
        for name, spec in present.items()
    }
    drift = {name: settings for name, settings in drift.items() if settings}
    if drift:
        answer = admin.alter_configs([ConfigResource("TOPIC", name, settings) for name, settings in drift.items()])
        if refused := {name: said for name, said in answer["topic"].items() if said != "OK"}:
            raise Broken(f"Kafka refuses settings of its topics: {refused}; give this account the right to alter them")
    return drift


@contextmanager
def admin(kafka: Kafka, timeout_s: float) -> Iterator[KafkaAdminClient]:
    """Give a client for administration. Raises Unavailable when nobody answers within timeout_s."""
    timeout_ms = round(timeout_s * 1000)
    await_brokers(kafka, timeout_s)
    admin = KafkaAdminClient(**brokers(kafka).client(), request_timeout_ms=timeout_ms, bootstrap_timeout_ms=timeout_ms)
    try:
        yield admin
    finally:
        admin.close()


def await_brokers(kafka: Kafka, timeout_s: float) -> None:
    """
    Return once somebody listens at one of the addresses and lets us in.

    Raises Unavailable after timeout_s, and at once when we are turned away.
    kafka-python's clients, when they find nobody, leave their thread and their sockets behind for ever.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        for address in str(kafka).split(","):
            left_s = max(0.1, deadline - time.monotonic())
            try:
                socket.create_connection(place(address), min(left_s, _CONNECT_S)).close()
            except (OSError, ValueError) as error:
                why = str(error)
            else:
                _let_in(kafka)
                return
        if time.monotonic() > deadline:
            raise Unavailable(f"Kafka at {kafka} does not answer ({why}); start it, or correct SEGUE_KAFKA")
        time.sleep(_ASK_AGAIN_S)


def _let_in(kafka: Kafka) -> None:
    if not brokers(kafka).open:
        # It takes a quarter of a second to import, which a verb has no need of where Kafka lets in anybody.
        from controller.outside.turned_away import turned_away

        if why := turned_away(kafka):
            raise Unavailable(f"Kafka at {kafka} does not let us in: {why}")


@contextmanager
def kafka_errors(kafka: Kafka, what: str) -> Iterator[None]:
    """Turn what kafka-python raises into our two kinds of error."""
    try:
        yield
    except KafkaError as error:
        if error.retriable:
            raise Unavailable(
                f"Kafka at {kafka} did not {what} ({error}); see whether it runs there and has the topics "
                "(`segue topics`)"
            ) from error
        raise Broken(f"Kafka at {kafka} refuses to {what}: {error}") from error
