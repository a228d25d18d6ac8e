"""
Records that were read and are not settled yet: whose turn it is, and up to where each partition may be acknowledged.

The records of one service (the key names it) keep their order; services take turns, so a flood about one holds up
none of those beside it. A service of which nothing was waiting comes before those that had their turn: what its first
alert asks for is a rollback, and what the thousandth asks for was done long ago.

So later records are settled before earlier ones. Only what is settled from a partition's beginning on without a gap is
acknowledged; what stands beyond a gap comes again after a crash, and the inbox knows it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition

Records = tuple[ConsumerRecord[Any, Any], ...]

MOST_BYTES: Final = 32 * 1024 * 1024
"""How much may wait. Beyond it a service is held up again by a flood that came before it, and memory is bounded."""

TURN: Final = 10
"""How many records of one service are taken in a row: a batch costs the more, the more services it is about."""

_RECORD_BYTES: Final = 900
"""What a record takes in memory besides its key and value, rather too much than too little."""

_Lane = tuple[TopicPartition, Any]


@dataclass(slots=True)
class _Read:
    """
    What was read of a partition. to: what follows the last record; open: offsets from the first that is not settled on;
    settled: those of them that are; acknowledged: up to where Kafka knows of it; waiting_bytes: what is not taken.
    """

    to: int
    acknowledged: int
    open: deque[int] = field(default_factory=deque)
    settled: set[int] = field(default_factory=set)
    waiting_bytes: int = 0

    @property
    def done(self) -> int:
        """Everything before this offset is settled."""
        return self.open[0] if self.open else self.to


class Line:
    """The line of one reader."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._partitions: dict[TopicPartition, _Read] = {}
        self._waiting: dict[_Lane, deque[ConsumerRecord[Any, Any]]] = {}
        self._first: deque[_Lane] = deque()
        self._again: deque[_Lane] = deque()

    def __bool__(self) -> bool:
        """Say whether anything waits."""
        return any(read.waiting_bytes for read in self._partitions.values())

    def add(self, records: Iterable[ConsumerRecord[Any, Any]]) -> None:
        """Let records stand in line, those of a partition in its order. A partition that went back begins anew."""
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            read = self._partitions.get(partition)
            if read is not None and record.offset < read.to:
                self._drop(partition)
                read = None
            if read is None:
                read = self._partitions[partition] = _Read(record.offset, record.offset)
            read.to = record.offset + 1
            read.open.append(record.offset)
            read.waiting_bytes += _size(record)
            lane = partition, record.key
            if lane not in self._waiting:
                self._waiting[lane] = deque()
                self._first.append(lane)
            self._waiting[lane].append(record)

    def take(self, most: int) -> Records:
        """Return at most so many records: those of services that were not there before, then of each in its turn."""
        taken: list[ConsumerRecord[Any, Any]] = []
        while len(taken) < most and (self._first or self._again):
            lane = (self._first or self._again).popleft()
            waiting = self._waiting[lane]
            if not waiting:
                # Only now it may be first again, or services that come and go would keep those that wait from theirs.
                del self._waiting[lane]
                continue
            for _ in range(min(TURN, len(waiting), most - len(taken))):
                record = waiting.popleft()
                self._partitions[lane[0]].waiting_bytes -= _size(record)
                taken.append(record)
            self._again.append(lane)
        return tuple(taken)

    def settle(self, records: Sequence[ConsumerRecord[Any, Any]]) -> None:
        """Note that the effect of records that were taken is committed."""
        for record in records:
            read = self._partitions[TopicPartition(record.topic, record.partition)]
            read.settled.add(record.offset)
            while read.open and read.open[0] in read.settled:
                read.settled.remove(read.open.popleft())

    def to_acknowledge(self) -> Mapping[TopicPartition, int]:
        """Return up to where partitions may be acknowledged and are not: offsets of the first that is not settled."""
        return {one: read.done for one, read in self._partitions.items() if read.done > read.acknowledged}

    def acknowledged(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note what Kafka has taken note of."""
        for partition, offset in offsets.items():
            self._partitions[partition].acknowledged = offset

    def keep(self, partitions: AbstractSet[TopicPartition]) -> None:
        """Forget all other partitions: somebody else has them now."""
        for partition in self._partitions.keys() - partitions:
            self._drop(partition)

    def full(self) -> Collection[TopicPartition]:
        """Return of which partitions nothing more is to be read: none while there is room, then those that took it."""
        waiting = {one: read.waiting_bytes for one, read in self._partitions.items()}
        if sum(waiting.values()) < self._most_bytes:
            return ()
        return [one for one, bytes_ in waiting.items() if bytes_ * len(waiting) >= self._most_bytes]

    def _drop(self, partition: TopicPartition) -> None:
        del self._partitions[partition]
        self._waiting = {lane: waiting for lane, waiting in self._waiting.items() if lane[0] != partition}
        self._first = deque(lane for lane in self._first if lane[0] != partition)
        self._again = deque(lane for lane in self._again if lane[0] != partition)


def _size(record: ConsumerRecord[Any, Any]) -> int:
    return _RECORD_BYTES + len(record.key or b"") + len(record.value or b"")
