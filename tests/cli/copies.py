"""Journals of their own beside the living one, on its Kafka."""

from collections.abc import Sequence
from itertools import count

from controller.outside.kafka import ensure_topics, publish
from tests.cli.conftest import Deciding

_numbers = count(1)


def published(deciding: Deciding, service: str, values: Sequence[bytes]) -> str:
    """Publish these as a service's journal, under a prefix that nobody has yet, and return the prefix."""
    prefix = f"copy-{next(_numbers)}."
    ensure_topics(deciding.tree.kafka, prefix)
    for value in values:
        publish(deciding.tree.kafka, f"{prefix}rollout.journal", service, value)
    return prefix
