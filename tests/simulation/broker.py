"""
Kafka as its clients meet it: partitions, the groups that read them, and what is acknowledged for each.

A group's member learns of a rebalance some time after it happened, and works on with what it had until then; what it
acknowledges is refused. One that is killed keeps its share until the session is over.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Protocol, TypeAlias
from zlib import crc32

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError

from controller.wire.topics import Topic
from tests.simulation.clock import seeded, wall_ms
from tests.simulation.faults import Faults
from tests.simulation.process import Process

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"
Headers: TypeAlias = Sequence[tuple[str, bytes]]

SESSION_S = 6.0
_ADOPTED_WITHIN_S = 0.4
_USUAL_S = 0.02


class Reader(Protocol):
    """Whoever reads: told that something came, or of its share in a group."""

    process: Process

    def news(self) -> None:
        """Look again."""

    def adopt(self, generation: int, partitions: Sequence[TopicPartition]) -> None:
        """Take over these partitions in place of those before."""


class Log:
    """One partition. Offsets only grow, with gaps where the topic was compacted."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._offsets: list[int] = []
        self.end = 0

    def append(self, record: Record) -> None:
        """Add a record at the end."""
        self.records.append(record)
        self._offsets.append(record.offset)
        self.end = record.offset + 1

    def since(self, offset: int, most: int) -> list[Record]:
        """Return the records from this offset on, at most `most`."""
        first = bisect_left(self._offsets, offset)
        return self.records[first : first + most]

    def compact(self) -> None:
        """Keep the last record of each key."""
        last = {record.key: record for record in self.records}
        self.records = [record for record in self.records if last[record.key] is record]
        self._offsets = [record.offset for record in self.records]


class Watcher(Protocol):
    """Whoever is told what Kafka took."""

    def appended(self, record: Record) -> None:
        """A record stands in a topic."""

    def acknowledged(self, group: str, partition: TopicPartition, offset: int) -> None:
        """A group will not be given what stands before this offset again."""


class Group:
    """The readers of one topic that share its partitions."""

    def __init__(self, name: str, topic: str, partitions: int, chance: Random, watch: Watcher) -> None:
        self._name = name
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._chance = chance
        self._watch = watch
        self.members: list[Reader] = []
        self.generation = 0
        self.committed: dict[TopicPartition, int] = {}

    @property
    def partitions(self) -> Sequence[TopicPartition]:
        """All that the group reads."""
        return self._partitions

    def join(self, reader: Reader) -> None:
        """Take in a member."""
        if reader not in self.members:
            self.members.append(reader)
            self.rebalance()

    def leave(self, reader: Reader) -> None:
        """Let a member go, or forget one that was not heard of."""
        if reader in self.members:
            self.members.remove(reader)
            self.rebalance()

    def rebalance(self) -> None:
        """Share out all partitions anew."""
        self.generation += 1
        members = self._chance.sample(self.members, len(self.members))
        loop = asyncio.get_running_loop()
        for number, member in enumerate(members):
            share = self._partitions[number :: len(members)]
            loop.call_later(
                self._chance.uniform(0, _ADOPTED_WITHIN_S),
                member.adopt,
                self.generation,
                share,
                context=member.process.context,
            )

    def commit(self, reader: Reader, generation: int, offsets: Mapping[TopicPartition, int]) -> None:
        """Acknowledge. Raises CommitFailedError for one who is no member any more, or of a former generation."""
        if reader not in self.members or generation != self.generation:
            raise CommitFailedError("the group has rebalanced meanwhile")
        for partition, offset in offsets.items():
            self._watch.acknowledged(self._name, partition, offset)
            self.committed[partition] = offset


class Broker:
    """All topics and groups. away_until_s: when it answers again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seed: int, partitions: int, faults: Faults, watch: Watcher):
        self._loop = loop
        self._seed = seed
        self._chance = self.chance("broker")
        self._watch = watch
        self._partitions = partitions
        self.faults = faults
        self.away_until_s = 0.0
        self.logs = {(topic.value, number): Log() for topic in Topic for number in range(partitions)}
        self.groups: dict[str, Group] = {}
        self._readers: defaultdict[str, list[Reader]] = defaultdict(list)

    def chance(self, whose: str) -> Random:
        """Return chance of one's own, so that what others draw changes nothing."""
        return seeded(self._seed, whose)

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Return a topic's partitions."""
        return [TopicPartition(topic, number) for number in range(self._partitions)]

    def partition_of(self, topic: str, key: bytes | None) -> TopicPartition:
        """Return the partition that a key belongs to."""
        return TopicPartition(topic, crc32(key or b"") % self._partitions)

    def log(self, partition: TopicPartition) -> Log:
        """Return what stands in a partition."""
        return self.logs[partition.topic, partition.partition]

    def group(self, name: str, topic: str) -> Group:
        """Return a group, made at its first mention."""
        if name not in self.groups:
            self.groups[name] = Group(name, topic, self._partitions, self._chance, self._watch)
        return self.groups[name]

    def listen(self, topic: str, reader: Reader) -> None:
        """Tell a reader whenever something comes."""
        self._readers[topic].append(reader)

    def append(self, partition: TopicPartition, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
        """Put a record at a partition's end, stamped with the time, and wake its readers."""
        log = self.log(partition)
        record: Record = ConsumerRecord(
            topic=partition.topic,
            partition=partition.partition,
            offset=log.end,
            timestamp=wall_ms(self._loop),
            timestamp_type=1,
            key=key,
            value=value,
            checksum=None,
            serialized_key_size=len(key or b""),
            serialized_value_size=len(value or b""),
            headers=tuple(headers),
        )
        log.append(record)
        self._watch.appended(record)
        for reader in self._readers[partition.topic]:
            if reader.process.alive:
                reader.news()
        return record

    def expire(self, process: Process) -> None:
        """Forget the group members of a process that was not heard of for a session."""
        for group in self.groups.values():
            for member in [one for one in group.members if one.process is process]:
                group.leave(member)

    def rebalance(self) -> None:
        """Share out the partitions of every group."""
        for group in self.groups.values():
            group.rebalance()

    async def answer(self, chance: Random) -> None:
        """Wait as long as an answer takes, and longer while Kafka is away."""
        await asyncio.sleep(self.delay_s(chance))

    def delay_s(self, chance: Random) -> float:
        """Return how long from now something takes that needs Kafka, seconds."""
        away_s = max(0.0, self.away_until_s - self._loop.time())
        return float(away_s + 0.0005 + _USUAL_S * chance.random() ** 2)
