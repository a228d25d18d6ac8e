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
"""
How much may wait before partitions that take their share of it are read no further; all together, never twice that.

Beyond it a service is held up again by a flood that came before it, and memory is bounded.
"""

TURN: Final = 10
"""
How many records of one service are taken in a row: a batch costs the more, the more services it is about.

And how many that were not there before may come, one after another, before one that was has its turn.
"""

FEW: Final = 20
"""
How many records are taken where no crowd waits.

A large batch costs less a record, but while it is decided its neighbours in this process wait, an alert among them.
"""

_RECORD_BYTES: Final = 1_400
"""What a record takes in memory besides what it carries: of a service of its own, for whom most is kept."""

_HEADER_BYTES: Final = 150

_MOST_OPEN: Final = 100_000
"""How many records of a partition may be known from its first unsettled one on: some 8 MB of offsets."""

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
        self._passed = 0
        self._shares = 1

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

    def batch(self, most: int) -> Records:
        """Return the next `most` records to be settled at once, or a few of them as long as fewer than that wait."""
        unsettled = sum(len(read.open) - len(read.settled) for read in self._partitions.values())
        return self.take(most if unsettled >= most else min(FEW, most))

    def take(self, most: int) -> Records:
        """Return at most so many records: those of services that were not there before, then of each in its turn."""
        taken: list[ConsumerRecord[Any, Any]] = []
        while len(taken) < most and (self._first or self._again):
            lane = self._next()
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

    def _next(self) -> _Lane:
        # Ever new ones would else keep those that wait from their turn, and those that are gone from being forgotten.
        first = bool(self._first) and (self._passed < TURN or not self._again)
        self._passed = self._passed + 1 if first else 0
        return (self._first if first else self._again).popleft()

    def settle(self, records: Sequence[ConsumerRecord[Any, Any]]) -> None:
        """Note that the effect of records that were taken is committed."""
        for record in records:
            read = self._partitions[TopicPartition(record.topic, record.partition)]
            read.settled.add(record.offset)
            while read.open and read.open[0] in read.settled:
                read.settled.remove(read.open.popleft())

    @property
    def all_settled(self) -> bool:
        """Whether nothing waits, and nothing that was taken is in anybody's hands."""
        return not any(read.open for read in self._partitions.values())

    def to_acknowledge(self) -> Mapping[TopicPartition, int]:
        """Return up to where partitions may be acknowledged and are not: offsets of the first that is not settled."""
        return {one: read.done for one, read in self._partitions.items() if read.done > read.acknowledged}

    def acknowledged(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note what Kafka has taken note of."""
        for partition, offset in offsets.items():
            self._partitions[partition].acknowledged = offset

    def keep(self, partitions: AbstractSet[TopicPartition]) -> None:
        """Forget all other partitions: somebody else has them now. These share the room."""
        self._shares = len(partitions)
        for partition in self._partitions.keys() - partitions:
            self._drop(partition)

    def full(self) -> Collection[TopicPartition]:
        """
        Return of which partitions nothing more is to be read: when there is no room, those that took their share of it.

        And those of which too much is settled beyond a gap.
        """
        crowded = sum(read.waiting_bytes for read in self._partitions.values()) >= self._most_bytes
        return [
            one
            for one, read in self._partitions.items()
            if (crowded and read.waiting_bytes * self._shares >= self._most_bytes) or len(read.open) >= _MOST_OPEN
        ]

    def _drop(self, partition: TopicPartition) -> None:
        del self._partitions[partition]
        self._waiting = {lane: waiting for lane, waiting in self._waiting.items() if lane[0] != partition}
        self._first = deque(lane for lane in self._first if lane[0] != partition)
        self._again = deque(lane for lane in self._again if lane[0] != partition)


def _size(record: ConsumerRecord[Any, Any]) -> int:
    headers = sum(_HEADER_BYTES + len(name) + len(value or b"") for name, value in record.headers)
    return _RECORD_BYTES + len(record.key or b"") + len(record.value or b"") + headers
