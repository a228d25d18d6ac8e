"""
What aiokafka's producer is to Segue: messages arrive in their order, some of them unanswered, or not at all.

When one is given up, so are those behind it: an idempotent producer would rather send nothing than break the order.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from tests.simulation.broker import Broker, Headers
from tests.simulation.faults import Operation
from tests.simulation.process import NOBODY, current
from tests.simulation.schedule import Event, Fault

_ON_THE_WIRE = 0.5
"""How much of what a killed process had on its way arrives all the same."""


@dataclass(slots=True)
class _Message:
    partition: TopicPartition
    key: bytes | None
    value: bytes | None
    headers: Headers
    answer: "asyncio.Future[None]"
    struck: Event | None


class Producer:
    """One sender."""

    def __init__(self, broker: Broker, **_options: Any) -> None:
        self.process = current()
        self._broker = broker
        self._chance = broker.chance(f"{self.process.name}/producer")
        self._loop = asyncio.get_running_loop()
        self._on_its_way: deque[_Message] = deque()
        self._arriving = False
        # What is closed when a producer gives up what it holds.
        self._sender = self.client = _Closing(self)

    async def start(self) -> None:
        """Connect."""
        struck = self._broker.faults.next(self.process.name, Operation.START)
        await self._broker.answer(self._chance)
        if struck is not None:
            raise KafkaConnectionError("simulated: no broker answers")

    async def flush(self) -> None:
        """Send what is left."""
        current()
        if self._on_its_way:
            await asyncio.wait([one.answer for one in self._on_its_way])

    async def stop(self) -> None:
        """Likewise."""
        await self.flush()

    async def send(
        self, topic: str, value: bytes | None = None, key: bytes | None = None, headers: Headers = ()
    ) -> "asyncio.Future[None]":
        """Send a message; the future is done when Kafka has it."""
        current()
        struck = self._broker.faults.next(self.process.name, Operation.SEND)
        await asyncio.sleep(0)
        answer: asyncio.Future[None] = self._loop.create_future()
        partition = self._broker.partition_of(topic, key)
        self._on_its_way.append(_Message(partition, key, value, headers, answer, struck))
        self._go_on()
        return answer

    async def send_and_wait(
        self, topic: str, value: bytes | None = None, key: bytes | None = None, headers: Headers = ()
    ) -> None:
        """Send a message and wait until Kafka has it."""
        await (await self.send(topic, value, key, headers))

    def give_up(self) -> None:
        """Forget what is on its way."""
        self._on_its_way.clear()

    def _go_on(self) -> None:
        if not self._arriving and self._on_its_way:
            self._arriving = True
            # By the network, not by the process, which may be dead by then.
            self._loop.call_later(self._broker.delay_s(self._chance), self._arrive, context=NOBODY)

    def _arrive(self) -> None:
        self._arriving = False
        away = self._loop.time() < self._broker.away_until_s
        if not self.process.alive and (away or self._chance.random() > _ON_THE_WIRE):
            self._on_its_way.clear()
        if not self._on_its_way:
            return
        if away:
            self._go_on()
            return
        message = self._on_its_way.popleft()
        if message.struck is not None and message.struck.fault is Fault.SEND_REFUSED:
            for one in (message, *self._on_its_way):
                _answer(one, KafkaTimeoutError("simulated: a message did not arrive"))
            self._on_its_way.clear()
            return
        self._broker.append(message.partition, message.key, message.value, message.headers)
        _answer(message, KafkaTimeoutError("simulated: no answer came") if message.struck else None)
        self._go_on()


class _Closing:
    sender_task = None

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def close(self) -> None:
        """Give up."""
        current()
        self._producer.give_up()


def _answer(message: _Message, error: Exception | None) -> None:
    if message.answer.done():
        return
    if error is not None:
        message.answer.set_exception(error)
    else:
        message.answer.set_result(None)
