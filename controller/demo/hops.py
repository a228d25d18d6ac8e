"""When a rollback passed each part, told by the part itself: read from Kafka and from the users' own records."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from kafka import KafkaConsumer, TopicPartition

from controller.core.events import RolloutAborted, RouteApplied, RouteSet
from controller.core.stream import Fact
from controller.demo.load import Utterance
from controller.outside.prometheus import FAST
from controller.wire.codec import fact_from_message, table_from
from controller.wire.envelope import decode
from controller.wire.topics import Topic, topic_name

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Hop:
    """One part's word: what happened there, and when (milliseconds since 1970)."""

    what: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class Message:
    """A Kafka record as an outside reader sees it."""

    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class Rollback:
    """The way of one rollback, from the first failed utterance to the last one begun on the candidate."""

    fault_ms: float
    enough_ms: float
    fired_ms: float
    received_ms: float
    in_kafka_ms: float
    decided_ms: float
    published_ms: float
    applied_ms: float
    last_candidate_ms: float

    def hops(self) -> tuple[Hop, ...]:
        """Return the hops in the order in which the alert flows."""
        return (
            Hop("first failure on the candidate; its user heard stable", self.fault_ms),
            Hop(f"failure number {FAST.failures}: now the rule has seen enough", self.enough_ms),
            Hop("Prometheus: the rule fired", self.fired_ms),
            Hop("Segue: webhook received from Alertmanager", self.received_ms),
            Hop("Kafka: the alert is a message", self.in_kafka_ms),
            Hop("Segue: decided, journalled and committed", self.decided_ms),
            Hop("Kafka: the new routing table is published", self.published_ms),
            Hop("gateway: the new table is applied", self.applied_ms),
            Hop("last utterance that began on the candidate", self.last_candidate_ms),
        )


def trace_rollback(
    bootstrap: str, prefix: str, rollout: str, recorded_ms: float, spoken: Sequence[Utterance], release: str
) -> Rollback:
    """
    Follow one rolled-back rollout through the parts.

    recorded_ms: when the store committed the decision. spoken: what the users saw. release: the bad one's version.
    """
    facts = [fact_from_message(message.value)[0] for message in read_topic(bootstrap, prefix, Topic.JOURNAL)]
    aborted = _one(fact for fact in facts if isinstance(fact.event, RolloutAborted) and fact.event.rollout == rollout)
    epoch = _epoch_after(facts, aborted)
    applied_ms = max(
        fact.event.applied_at_ms
        for fact in facts
        if isinstance(fact.event, RouteApplied) and fact.stream == aborted.stream and fact.event.epoch == epoch
    )
    alert, in_kafka_ms = _alert(bootstrap, prefix, aborted.cause)
    tables = [(table_from(message.value), message.at_ms) for message in read_topic(bootstrap, prefix, Topic.TABLE)]
    published_ms = _one(at_ms for table, at_ms in tables if table.service == aborted.stream and table.epoch == epoch)
    picked = [utterance for utterance in spoken if utterance.picked == release]
    faults_ms = sorted(utterance.ended_ms for utterance in picked if utterance.failed_over_from == release)
    return Rollback(
        fault_ms=faults_ms[0],
        enough_ms=faults_ms[FAST.failures - 1],
        fired_ms=datetime.fromisoformat(str(alert["starts_at"])).timestamp() * 1000,
        received_ms=float(str(alert["received_at_ms"])),
        in_kafka_ms=in_kafka_ms,
        decided_ms=recorded_ms,
        published_ms=published_ms,
        applied_ms=applied_ms,
        last_candidate_ms=max(utterance.started_ms for utterance in picked),
    )


def read_topic(bootstrap: str, prefix: str, topic: Topic) -> list[Message]:
    """Read a topic from its start to where it ends now, as any outside reader could."""
    name = topic_name(topic, prefix)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, group_id=None
    )
    try:
        partitions = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name) or ())]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        messages = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                messages += [
                    Message(record.value, tuple(record.headers), record.timestamp)
                    for record in records
                    if record.value is not None
                ]
        return messages
    finally:
        consumer.close()


def _alert(bootstrap: str, prefix: str, cause: str) -> tuple[dict[str, object], int]:
    for message in read_topic(bootstrap, prefix, Topic.ALERTS):
        event = decode(message.value, message.headers)
        if event.id == cause:
            return dict(event.data), message.at_ms
    raise AssertionError(f"no alert with id {cause} stands in {Topic.ALERTS}")


def _epoch_after(facts: Iterable[Fact], aborted: Fact) -> int:
    return _one(
        fact.event.epoch
        for fact in facts
        if isinstance(fact.event, RouteSet) and fact.stream == aborted.stream and fact.cause == aborted.cause
    )


def _one(found: Iterable[_T]) -> _T:
    (one,) = found
    return one
