"""
What must hold at every moment of a run, looked at when it could break: at each commit, each record that Kafka takes,
each acknowledgement, and each table that a gateway takes into use.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition

from controller.core.routing import RoutingTable
from controller.wire.inbound import REJECTED_SOURCE
from controller.wire.topics import INBOUND, Topic
from tests.simulation.broker import Record
from tests.simulation.sql import engine

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A promise that was broken. kind: lost, twice, diverged, stuck, or error."""

    kind: str
    told: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.told}"


class Watch:
    """Sees what is committed, published, acknowledged and applied, and remembers what was wrong with it."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.decided: set[Key] = set()
        self.keys: dict[tuple[str, int, int], set[Key]] = {}
        self.hashes: dict[tuple[str, int], str] = {}
        self.epochs: defaultdict[str, int] = defaultdict(int)
        self._positions: defaultdict[str, int] = defaultdict(int)
        self._published: defaultdict[str, int] = defaultdict(int)
        self._acknowledged: defaultdict[TopicPartition, int] = defaultdict(int)
        self._offsets: dict[tuple[str, int, bytes | None], int] = {}
        self._applied: dict[tuple[str, str], int] = {}
        self._last_message = 0
        self._last_fact = 0

    def say(self, kind: str, told: str) -> None:
        """Remember that a promise was broken."""
        self.found.append(Found(kind, told))

    def committed(self) -> None:
        """Look at what the last transaction has added."""
        with engine().connect() as connection:
            messages = connection.exec_driver_sql(_MESSAGES, (self._last_message,)).all()
            facts = connection.exec_driver_sql(_FACTS, (self._last_fact,)).all()
        for number, source, id, topic, partition, key, offset in messages:
            self._last_message = number
            self.decided.add((source, id))
            before = self._offsets.get((topic, partition, key), -1)
            if offset < before:
                self.say("diverged", f"{topic}/{partition}/{offset} was decided after {before}, of the same service")
            self._offsets[topic, partition, key] = offset
        for row, stream, position, type, hash, body in facts:
            self._last_fact = row
            self._add(stream, position, type, hash, body)

    def _add(self, stream: str, position: int, type: str, hash: str, body: str) -> None:
        if position != self._positions[stream] + 1:
            self.say("diverged", f"fact {position} of {stream} was written after {self._positions[stream]}")
        self._positions[stream] = position
        self.hashes[stream, position] = hash
        if type == "RouteSet":
            epoch = json.loads(body)["epoch"]
            if epoch != self.epochs[stream] + 1:
                self.say("diverged", f"epoch {epoch} of {stream} was set after {self.epochs[stream]}")
            self.epochs[stream] = epoch

    def appended(self, record: Record) -> None:
        """Look at a record that Kafka has taken."""
        if record.topic in _INBOUND:
            self.keys[record.topic, record.partition, record.offset] = _keys(record)
        elif record.topic == Topic.JOURNAL:
            data = json.loads(record.value or b"")["data"]
            stream, position = data["service"], data["position"]
            if self.hashes.get((stream, position)) != data["hash"]:
                self.say("diverged", f"fact {position} of {stream} is published and not committed")
            if position > self._published[stream] + 1:
                self.say("lost", f"fact {position} of {stream} is published after {self._published[stream]}")
            self._published[stream] = max(self._published[stream], position)
        elif record.topic == Topic.TABLE and record.value is not None and b'"epoch"' in record.value:
            table = json.loads(record.value)
            if table["epoch"] > self.epochs[table["service"]]:
                self.say("diverged", f"epoch {table['epoch']} of {table['service']} is published and not committed")

    def acknowledged(self, group: str, partition: TopicPartition, offset: int) -> None:
        """Look at what nobody will be given again: each record must be decided."""
        for number in range(self._acknowledged[partition], offset):
            keys = self.keys.get((partition.topic, partition.partition, number), set())
            if not keys & self.decided:
                self.say("lost", f"{group} acknowledged {partition.topic}/{partition.partition}/{number} undecided")
        self._acknowledged[partition] = max(self._acknowledged[partition], offset)

    def applied(self, life: str, table: RoutingTable) -> None:
        """Look at a table that a gateway, in this life of its, routes by from now on."""
        before = self._applied.get((life, table.service), 0)
        if table.epoch < before:
            self.say("diverged", f"{life} went from epoch {before} of {table.service} back to {table.epoch}")
        self._applied[life, table.service] = table.epoch


_INBOUND: Final = frozenset(topic.value for topic in INBOUND)
_MESSAGES: Final = (
    'SELECT number, source, id, topic, partition, key, "offset" FROM inbox WHERE number > ? ORDER BY number'
)
_FACTS: Final = "SELECT rowid, stream, position, type, hash, body FROM journal WHERE rowid > ? ORDER BY rowid"


def _keys(record: Record) -> set[Key]:
    """Return the names under which a record may be decided: its own, or that of something nobody can read."""
    letter = f"{record.topic}/{record.partition}/{record.offset}@{record.timestamp}"
    keys = {(REJECTED_SOURCE, letter)}
    try:
        event: Any = json.loads(record.value or b"")
        keys.add((event["source"], event["id"]))
    except (ValueError, LookupError, TypeError):
        pass
    return keys
