"""What aiokafka's consumer is to Segue and to FastStream: the calls that they make, answered by a simulated broker."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaConnectionError, KafkaTimeoutError

from tests.simulation.broker import Broker, Group, Record
from tests.simulation.clock import wall_ms
from tests.simulation.faults import Operation
from tests.simulation.process import current
from tests.simulation.schedule import Fault

# A poll of the real one ends after a second with nothing, and is asked again. That changes nothing and costs time.
_LONGER = 20.0


class _Client:
    """The real one's connections; here there is none to be closed."""

    async def close(self) -> None:
        """Let go of them."""


class Consumer:
    """One reader; without a group it reads all partitions of its topics from their beginning."""

    def __init__(self, broker: Broker, *topics: str, group_id: str | None = None, **_options: Any) -> None:
        self.process = current()
        self._broker = broker
        self._topics = list(topics)
        self._group_id = group_id
        self._group: Group | None = None
        self._chance = broker.chance(f"{self.process.name}/{group_id or 'reader'}")
        self._positions: dict[TopicPartition, int | None] = {}
        self._paused: set[TopicPartition] = set()
        self._generation = -1
        self._news = asyncio.Event()
        self._closed = False
        self._client = _Client()

    def subscribe(self, topics: Sequence[str], pattern: object = None, listener: object = None) -> None:
        """Name the topics to read."""
        self._topics = list(topics)

    async def start(self) -> None:
        """Connect, and wait for a share of the partitions."""
        struck = self._broker.faults.next(self.process.name, Operation.START)
        await self._broker.answer(self._chance)
        if struck is not None:
            raise KafkaConnectionError("simulated: no broker answers")
        for topic in self._topics:
            self._broker.listen(topic, self)
        if self._group_id is None:
            self._positions = {one: 0 for topic in self._topics for one in self._broker.partitions(topic)}
            return
        (topic,) = self._topics
        self._group = self._broker.group(self._group_id, topic)
        self._group.join(self)
        while self._generation < 0:
            self._news.clear()
            await self._news.wait()

    async def stop(self) -> None:
        """Leave."""
        current()
        self._closed = True
        self._news.set()
        if self._group is not None:
            self._group.leave(self)
        await asyncio.sleep(0)

    def news(self) -> None:
        """Wake a poll."""
        self._news.set()

    def adopt(self, generation: int, partitions: Sequence[TopicPartition]) -> None:
        """Take over a share of the partitions, each from what is acknowledged."""
        if self._group is None or generation != self._group.generation or self._closed:
            return
        self._generation = generation
        self._positions = dict.fromkeys(partitions)
        self._paused &= set(partitions)
        self._news.set()

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Record]]:
        """Return records that came, or none after the time is over."""
        self._check_open()
        if self._group is not None:
            self._group.join(self)
        if timeout_ms == 0 and partitions:
            await asyncio.sleep(0)
            return self._fetched(partitions, max_records or 500)
        struck = self._broker.faults.next(self.process.name, Operation.POLL)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_ms / 1000 * (1 if partitions else _LONGER)
        if struck is not None and struck.fault is Fault.POLL_SLOW:
            await asyncio.sleep(struck.for_s)
        while True:
            self._news.clear()
            await (self._broker.answer(self._chance) if timeout_ms else asyncio.sleep(0))
            self._check_open()
            if struck is not None and struck.fault is Fault.POLL_FAILED and self._behind(self._positions):
                self._fail(partitions)
            if not timeout_ms:
                return self._fetched(self._positions, max_records or 500)
            taken = self._take(partitions or self._positions, max_records or 500)
            if taken or loop.time() >= until_s:
                return taken
            await self._sleep(until_s)
            self._check_open()

    async def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """
        Acknowledge what stands before these offsets, all that was handed over when none are given.

        Raises CommitFailedError when the partitions may be somebody else's.
        """
        assert self._group is not None
        current()
        if offsets is None:
            offsets = {one: position for one, position in self._positions.items() if position is not None}
        for one in offsets:
            self._check_mine(one)
        generation = self._generation
        struck = self._broker.faults.next(self.process.name, Operation.ACKNOWLEDGE)
        await self._broker.answer(self._chance)
        if struck is not None and struck.fault is Fault.ACK_REFUSED:
            self._group.leave(self)
        self._group.commit(self, generation, offsets)
        await self._broker.answer(self._chance)
        if struck is not None:
            # Without an answer the real one tries again, until it hears that the group has forgotten it meanwhile.
            self._group.leave(self)
            self._group.commit(self, generation, offsets)

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return what is acknowledged of a partition."""
        assert self._group is not None
        await self._broker.answer(self._chance)
        return self._group.committed.get(partition)

    def assignment(self) -> frozenset[TopicPartition]:
        """Return the share."""
        return frozenset(self._positions)

    def paused(self) -> set[TopicPartition]:
        """Return what is left alone."""
        return set(self._paused)

    def pause(self, *partitions: TopicPartition) -> None:
        """Leave partitions alone."""
        for one in partitions:
            self._check_mine(one)
            self._paused.add(one)

    def resume(self, *partitions: TopicPartition) -> None:
        """Read them again."""
        for one in partitions:
            self._check_mine(one)
            self._paused.discard(one)
        self._news.set()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from an offset."""
        self._check_mine(partition)
        self._positions[partition] = offset

    async def seek_to_beginning(self, partition: TopicPartition) -> None:
        """Go on from the beginning."""
        await self._broker.answer(self._chance)
        self.seek(partition, 0)

    async def position(self, partition: TopicPartition) -> int:
        """Return where a partition is read next."""
        self._check_mine(partition)
        return self._positions[partition] or 0

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where partitions end now."""
        await self._broker.answer(self._chance)
        return {one: self._broker.log(one).end for one in partitions}

    def last_poll_timestamp(self, _partition: TopicPartition) -> int:
        """Return when the broker answered last, milliseconds since 1970."""
        return wall_ms(asyncio.get_running_loop())

    def _behind(self, partitions: Iterable[TopicPartition]) -> bool:
        """Say whether anything is there: without a record there is none that cannot be taken apart."""
        return any(self._broker.log(one).end > self._next(one) for one in partitions)

    def _next(self, partition: TopicPartition) -> int:
        position = self._positions[partition]
        if position is None:
            assert self._group is not None
            position = self._group.committed.get(partition, 0)
        return position

    def _fail(self, partitions: Sequence[TopicPartition]) -> None:
        """Raise over one partition, which stays where it is; what was taken from the others is thrown away."""
        others = [] if partitions else list(self._positions)
        if others:
            others.remove(self._chance.choice(others))
        self._take(others, 500)
        raise KafkaTimeoutError("simulated: a record could not be taken apart")

    def _fetched(self, partitions: Iterable[TopicPartition], most: int) -> dict[TopicPartition, list[Record]]:
        """Return of what is there as much as came before it was asked for: nothing, a record, or all."""
        self._check_open()
        fetched = self._chance.choice((0, 1, most))
        return self._take(partitions, fetched) if fetched else {}

    def _take(self, partitions: Iterable[TopicPartition], most: int) -> dict[TopicPartition, list[Record]]:
        taken: dict[TopicPartition, list[Record]] = {}
        mine = [one for one in partitions if one in self._positions and one not in self._paused]
        left = min(most, self._chance.choice((1, 3, 10, most)))
        for one in self._chance.sample(mine, len(mine)):
            position = self._next(one)
            if left and (records := self._broker.log(one).since(position, left)):
                taken[one] = records
                left -= len(records)
                position = records[-1].offset + 1
            elif left:
                # Nothing is left behind this, also where what stood there was dropped.
                position = max(position, self._broker.log(one).end)
            self._positions[one] = position
        return taken

    async def _sleep(self, until_s: float) -> None:
        try:
            async with asyncio.timeout_at(until_s):
                await self._news.wait()
        except TimeoutError:
            return

    def _check_open(self) -> None:
        current()
        if self._closed:
            raise ConsumerStoppedError

    def _check_mine(self, partition: TopicPartition) -> None:
        if partition not in self._positions:
            raise IllegalStateError(f"{partition} is not assigned")
