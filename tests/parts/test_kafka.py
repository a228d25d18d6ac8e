"""A local Kafka behaves like the real one it is: durable, and strict about topics."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaTimeoutError

from controller.core.errors import Unavailable
from controller.parts import kafka
from controller.parts.kafka import Kafka, start_kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with start_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def test_acknowledged_record_survives_a_crash(broker: Kafka) -> None:
    """A record that was acknowledged is still there, at the same address, after the broker was killed and started."""
    create(broker, "kept")
    with KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        producer.send("kept", b"one").get(timeout=20)
    broker.kill()
    broker.start()
    assert read_first(broker, "kept") == b"one"


def test_a_broker_does_not_begin_without_room(broker: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk it would take its own logs for corrupt; what was acknowledged is there once there is room."""
    create(broker, "spared")
    with KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        producer.send("spared", b"one").get(timeout=20)
    broker.kill()
    with monkeypatch.context() as without_room:
        without_room.setattr(kafka, "_ROOM_BYTES", 2**60)
        with pytest.raises(Unavailable, match=r"free \d+ MiB there"):
            broker.start()
    assert not broker.running
    broker.start()
    assert read_first(broker, "spared") == b"one"


def test_unknown_topic_is_not_created(broker: Kafka) -> None:
    """Writing to a topic that nobody provisioned fails and creates nothing."""
    with (
        KafkaProducer(bootstrap_servers=broker.bootstrap, max_block_ms=1500) as producer,
        pytest.raises(KafkaTimeoutError),
    ):
        producer.send("typing.error", b"lost").get(timeout=5)
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    assert "typing.error" not in admin.list_topics()
    admin.close()


def test_groups_work_soon_after_the_start(tmp_path: Path) -> None:
    """A consumer group gets its first record from a broker that has just started for the first time."""
    with start_kafka(tmp_path) as fresh:
        create(fresh, "first")
        with KafkaProducer(bootstrap_servers=fresh.bootstrap) as producer:
            producer.send("first", b"hello").get(timeout=10)
        assert read_first(fresh, "first", group="readers") == b"hello"


def create(broker: Kafka, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()


def read_first(broker: Kafka, topic: str, group: str | None = None) -> bytes:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    record = next(consumer)
    consumer.close()
    value: bytes = record.value
    return value
