"""Consumer groups as the broker knows them: who is in them, and up to where they have acknowledged a topic."""

from collections.abc import Mapping
from typing import Final

from kafka import TopicPartition
from kafka.errors import KafkaError, NoError
from kafka.structs import OffsetAndMetadata

from controller.brokers import Kafka
from controller.core.errors import Broken
from controller.outside.kafka import admin, kafka_errors

_ANSWER_S = 30.0
_NEVER: Final = -1
_BEFORE: Final = "segue restore; acknowledged before: "
"""Stands with an offset that was set, until the group acknowledges another."""


def members(kafka: Kafka, groups: list[str]) -> Mapping[str, int]:
    """Return how many members each group has; a group that is not there has none. Raises Unavailable or Broken."""
    with kafka_errors(kafka, "describe its groups"), admin(kafka, _ANSWER_S) as asked:
        described = asked.describe_groups(groups)
    return {group: len(described[group]["members"]) if group in described else 0 for group in groups}


def acknowledged(kafka: Kafka, group: str, topic: str, within_s: float = _ANSWER_S) -> Mapping[int, int]:
    """
    Return the next offset of each partition of a topic; those that the group never acknowledged are left out.

    Raises Unavailable when Kafka does not answer within_s seconds, Broken when it refuses.

    Where `set_next` set an offset and nothing was acknowledged since, it is the one from before that.
    """
    with kafka_errors(kafka, f"tell the offsets of {group}"), admin(kafka, within_s) as asked:
        offsets = asked.list_group_offsets({group: None}).get(group, {})
    found = {at.partition: _own(next) for at, next in offsets.items() if at.topic == topic}
    return {partition: offset for partition, offset in found.items() if offset >= 0}


def set_next(kafka: Kafka, group: str, topic: str, offsets: Mapping[int, int], acknowledged: Mapping[int, int]) -> None:
    """
    Let a group that has no members go on at these offsets, by partition.

    acknowledged: what `acknowledged` said before; whoever asks again, since all else failed, is told it again.
    Raises Unavailable or Broken.
    """
    wanted = {
        TopicPartition(topic, partition): OffsetAndMetadata(
            offset, f"{_BEFORE}{acknowledged.get(partition, _NEVER)}", None
        )
        for partition, offset in offsets.items()
    }
    with kafka_errors(kafka, f"set the offsets of {group}"), admin(kafka, _ANSWER_S) as asked:
        answers: Mapping[TopicPartition, type[KafkaError]] = asked.alter_group_offsets(group, wanted)
    refused = {at.partition: error.__name__ for at, error in answers.items() if error is not NoError}
    if refused:
        raise Broken(
            f"Kafka refuses to set the offsets of {group} ({refused}); stop every process that decides, then try again"
        )


def _own(next: OffsetAndMetadata) -> int:
    """Return up to where the group itself had acknowledged, _NEVER when it had not."""
    said = str(next.metadata or "")
    return int(said.removeprefix(_BEFORE)) if said.startswith(_BEFORE) else int(next.offset)
