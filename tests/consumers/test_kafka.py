"""Topics as specified, whoever was there before, and publishing from a script."""

import time

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from controller.core.errors import Broken, Unavailable
from controller.outside.kafka import Found, ensure_topics, publish
from controller.parts.kafka import Kafka
from controller.parts.ports import free_port
from controller.wire.topics import SPECS, Topic, topic_name
from tests.consumers.world import new_prefix


def test_topics_are_created_once(broker: Kafka) -> None:
    """The first call creates every topic, the second finds all as specified."""
    prefix = new_prefix()
    first, second = ensure_topics(broker.bootstrap, prefix), ensure_topics(broker.bootstrap, prefix)
    assert [one.topic for one in first] == [topic_name(topic, prefix) for topic in SPECS]
    assert {one.found for one in first} == {Found.CREATED}
    assert {one.found for one in second} == {Found.AS_SPECIFIED}


def test_drift_is_corrected_and_other_partitions_are_told(broker: Kafka) -> None:
    """A changed setting is set back; a topic of another partition count stays, and its report says so."""
    prefix = new_prefix()
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        alerts = topic_name(Topic.ALERTS, prefix)
        admin.create_topics({alerts: {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
        report = {one.topic: one for one in ensure_topics(broker.bootstrap, prefix)}
        assert report[alerts].found is Found.CORRECTED
        assert "message.timestamp.type" in report[alerts].note
        assert "2 partitions, not 6" in report[alerts].note
        asked = [ConfigResource("TOPIC", alerts, ["message.timestamp.type"])]

        def standing() -> str:
            topic = admin.describe_configs(asked, config_filter="all")["topic"][alerts]
            return str(topic["message.timestamp.type"]["value"])

        # The broker acknowledges a change a moment before it shows it.
        deadline = time.monotonic() + 5
        while standing() != "LogAppendTime":
            assert time.monotonic() < deadline
    again = {one.topic: one for one in ensure_topics(broker.bootstrap, prefix)}
    assert again[alerts].found is Found.AS_SPECIFIED


def test_published_message_has_its_place(broker: Kafka) -> None:
    """Publishing returns where the message stands: the next of its key stands right behind it."""
    prefix = new_prefix()
    ensure_topics(broker.bootstrap, prefix)
    topic = topic_name(Topic.ORDERED, prefix)
    partition, offset = publish(broker.bootstrap, topic, "hibari", b"{}")
    assert publish(broker.bootstrap, topic, "hibari", b"{}") == (partition, offset + 1)


def test_absent_kafka_is_unavailable_in_bounded_time() -> None:
    """A Kafka that is not there is Unavailable, for both, and the sentence names its address."""
    nowhere = f"127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=nowhere):
        ensure_topics(nowhere, timeout_s=1)
    with pytest.raises(Unavailable, match=nowhere):
        publish(nowhere, "rollout.ordered", "hibari", b"{}", timeout_s=1)


def test_oversized_message_is_broken(broker: Kafka) -> None:
    """A message that no retry could make smaller is Broken."""
    prefix = new_prefix()
    ensure_topics(broker.bootstrap, prefix)
    with pytest.raises(Broken, match="refuses to take a message"):
        publish(broker.bootstrap, topic_name(Topic.ORDERED, prefix), "hibari", b"x" * 2_000_000)
