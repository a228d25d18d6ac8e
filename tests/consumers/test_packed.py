"""What publishers pack, the broker unpacks: every record can be read, and none is larger than it looks."""

import subprocess

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import MessageSizeTooLargeError

from controller.outside.kafka import ensure_topics
from controller.parts.installed import folder, program
from controller.parts.kafka import Kafka
from controller.wire.topics import PARTITIONS, Topic, topic_name
from tests.consumers.world import new_prefix


@pytest.mark.parametrize("codec", ["lz4", "snappy", "zstd"])
def test_message_packed_by_any_codec_is_read(broker: Kafka, codec: str) -> None:
    """Java's own producer packs as its owner says; readers without that codec would stop before the record for ever."""
    prefix = new_prefix()
    ensure_topics(broker.bootstrap, prefix)
    topic = topic_name(Topic.ALERTS, prefix)
    console = ["org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", broker.bootstrap, "--topic", topic]
    jars = f"{folder('kafka/libs')}/*"
    packing = [program("java"), "-cp", jars, *console, "--compression-codec", codec]
    subprocess.run(packing, input=b"a message\n" * 3, check=True, capture_output=True, timeout=60)
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", group_id=None)
    consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    read: list[bytes] = []
    while len(read) < 3:
        for records in consumer.poll(timeout_ms=10_000).values():
            read += [record.value for record in records]
    consumer.close()
    assert read == [b"a message"] * 3


def test_little_that_unpacks_to_much_is_refused(broker: Kafka) -> None:
    """50 MB that pack to 50 KB never reach a reader's memory: the limit is that of what comes out."""
    prefix = new_prefix()
    ensure_topics(broker.bootstrap, prefix)
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        compression_type="gzip",
        batch_size=64_000_000,
        max_request_size=64_000_000,
    )
    with pytest.raises(MessageSizeTooLargeError):
        producer.send(topic_name(Topic.ALERTS, prefix), b"x" * 50_000_000).get(20)
    producer.close()
