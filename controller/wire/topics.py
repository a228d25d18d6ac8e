"""The topics: their names, how many partitions, and how long the broker keeps what is in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

PARTITIONS: Final = 6
"""Never changed on a living topic: a service would move to another partition and its order would be lost."""

_DAY_MS: Final = 86_400_000
_MIB: Final = 1_048_576


class Topic(StrEnum):
    """What Segue reads and writes; every message's key is its service."""

    REQUESTED = "rollout.requested"
    ORDERED = "rollout.ordered"
    ALERTS = "alerts.received"
    SIGNALS = "signals.reported"
    JOURNAL = "rollout.journal"
    TABLE = "routing.table"
    DEAD = "dead.letters"
    CHECKPOINTS = "journal.checkpoints"


INBOUND: Final = (Topic.REQUESTED, Topic.ORDERED, Topic.ALERTS, Topic.SIGNALS)
"""The topics whose every record becomes one command."""

DECIDED_BY: Final = MappingProxyType(
    {Topic.REQUESTED: "rollouts", Topic.ORDERED: "orders", Topic.ALERTS: "alerts", Topic.SIGNALS: "signals"}
)
"""The function that decides a topic's records."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is to be created. config: the broker's own names and values."""

    partitions: int
    config: Mapping[str, str]


def topic_name(topic: Topic, prefix: str = "") -> str:
    """Return the topic's name on the broker; a prefix lets several Segues share one Kafka."""
    return prefix + topic.value


def group_name(function: str, prefix: str = "") -> str:
    """Return a function's consumer group on the broker."""
    return f"{prefix}segue-{function}"


def _inbound() -> TopicSpec:
    return TopicSpec(
        PARTITIONS,
        MappingProxyType(
            {
                "retention.ms": str(30 * _DAY_MS),
                # The broker's clock stamps inputs, so that "now" is a property of the message: a replay of the topic
                # decides the same, and no publisher's clock can move a deadline.
                "message.timestamp.type": "LogAppendTime",
                # More than is ever read (strict.MESSAGE_LIMIT_BYTES): what is too long must reach the dead letters too.
                "max.message.bytes": str(2 * _MIB),
                # The broker unpacks what publishers pack: by formats that our readers lack, and by as much as they
                # like. So every record can be read, and the limit above is one of what comes out.
                "compression.type": "uncompressed",
            }
        ),
    )


def _for_ever(**config: str) -> TopicSpec:
    kept = {"retention.ms": "-1", "retention.bytes": "-1"}
    return TopicSpec(
        PARTITIONS, MappingProxyType({**kept, **{name.replace("_", "."): config[name] for name in config}})
    )


SPECS: Final[Mapping[Topic, TopicSpec]] = MappingProxyType(
    {
        **{topic: _inbound() for topic in INBOUND},
        Topic.JOURNAL: _for_ever(),
        Topic.CHECKPOINTS: _for_ever(),
        Topic.TABLE: TopicSpec(
            PARTITIONS,
            MappingProxyType(
                {
                    "cleanup.policy": "compact",
                    # Compacted early and often: a gateway that starts reads this topic to its end first.
                    "min.cleanable.dirty.ratio": "0.01",
                    "segment.ms": str(_DAY_MS // 24),
                    "delete.retention.ms": str(_DAY_MS),
                }
            ),
        ),
        # A letter holds the refused bytes in base64, and the largest refused message is as large as the broker takes.
        Topic.DEAD: _for_ever(max_message_bytes=str(4 * _MIB)),
    }
)
