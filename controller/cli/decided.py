"""What was decided about a message just published: read from the topic of facts, so that Kafka alone is needed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from controller.core.errors import Broken, Unavailable
from controller.core.stream import Fact
from controller.outside.kafka import await_brokers
from controller.settings import Settings
from controller.wire.codec import fact_from_message
from controller.wire.topics import Topic, topic_name

# The facts of one message are published together; once one is here the others are on the way.
_REST_S = 0.2
_CONNECT_S = 10.0


class Decisions:
    """The facts that are published from the moment of listening on."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def of(self, message_id: str, within_s: float, none_will_come: Callable[[], bool]) -> tuple[Fact, ...]:
        """
        Return the facts that this message caused; () when none came within within_s seconds.

        none_will_come: asked again and again while there are none; True ends the waiting.
        """
        found: list[Fact] = []
        deadline = time.monotonic() + within_s
        while (left_s := deadline - time.monotonic()) > 0:
            for records in self._consumer.poll(timeout_ms=max(1, round(min(left_s, 0.5) * 1000))).values():
                facts = [fact_from_message(record.value)[0] for record in records if record.value is not None]
                found += [fact for fact in facts if fact.cause == message_id and fact not in found]
            if found:
                deadline = min(deadline, time.monotonic() + _REST_S)
            elif none_will_come():
                break
        return tuple(sorted(found, key=lambda fact: fact.position))


@contextmanager
def listening(settings: Settings) -> Iterator[Decisions]:
    """Listen to the topic of facts from its present end. Raises Unavailable when Kafka does not answer."""
    topic = topic_name(Topic.JOURNAL, settings.topic_prefix)
    await_brokers(settings.brokers, _CONNECT_S)
    try:
        consumer = KafkaConsumer(
            **settings.brokers.client(), enable_auto_commit=False, bootstrap_timeout_ms=round(_CONNECT_S * 1000)
        )
        try:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            if not partitions:
                raise Broken(f"Kafka at {settings.kafka} has no topic {topic}: create it with `segue topics`")
            consumer.assign(partitions)
            for partition, end in consumer.end_offsets(partitions).items():
                consumer.seek(partition, end)
            yield Decisions(consumer)
        finally:
            consumer.close()
    except KafkaError as error:
        raise Unavailable(f"Kafka at {settings.kafka} did not answer ({error!r}); is it running there?") from error
