"""
Records of one topic, handed over in batches, and acknowledged only after their effect is committed.

FastStream reads the batches and holds the group membership; what differs from its defaults, and why:

- Acknowledgement is ours alone (`MANUAL`): its other policies commit before the work, or after an exception.
- Records come as raw bytes. Its own parser decodes every header as UTF-8 and its decoder guesses at JSON; either would
  lose a whole batch to one bad record.
- The poll itself waits for records. Its loop sleeps `batch_timeout_ms` again after each empty poll, which would stand
  between an alert and its answer.
- A failing neighbour is waited for here, with the batch in hand. Handing the batch back would have it redelivered
  thousands of times a second.
- Batches are not what was polled but those whose turn it is (`consumers/line.py`), and acknowledged is what is settled
  without a gap, not the consumer's position.

What remains after a crash or a rebalance is redelivery, and that is harmless: the inbox knows what was decided.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage, KafkaMessage
from faststream.middlewares import AckPolicy
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from consumers.departed import client_id
from consumers.line import Line, Records
from consumers.metrics import RETRIES
from consumers.polling import poll
from consumers.waiting import delays_s, pause, until_stopped
from consumers.worker import Worker
from controller.brokers import Brokers
from controller.core.errors import Conflict, Unavailable
from controller.outside.published import received_from
from controller.outside.stopping import stop
from controller.outside.turned_away import advice
from controller.wire.inbound import Received
from controller.wire.topics import Topic

Take = Callable[[Sequence[Received]], Awaitable[None]]
"""
Settles a batch for good: returning means that its effect is committed.

Raises Unavailable or Conflict to be called again with the same batch. Anything else ends the function, and the batch
comes again when it is restarted.
"""

BATCH: Final = 100
# More than a batch, or a flood would be read no faster than it is settled, and its neighbours come no sooner.
_READ: Final = 500
_GRACE_S: Final = 0.7
_LEAVE_S: Final = 1.2

# Kafka forgets a silent member, and hands its partitions on, only after this long; its own lower limit is 6 s. Of a
# dead one `departed` tells it sooner; the others hear of that with their next heartbeat.
_SESSION_MS: Final = 6_000
_HEARTBEAT_MS: Final = 500

# How long a fetch may stand at the broker. A partition whose records were handed over while a fetch for its neighbours
# stands there has to wait for it: low, but not so low that idle consumers keep the machine busy.
_FETCH_WAIT_MS: Final = 100

_NOTHING: Final = TopicPartition("", 0)

_SASL: Final = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}

_log = logging.getLogger(__name__)
# Errors alone: it warns at each start that it creates no topics, which is as it should be.
_faststream = logging.getLogger("consumers.faststream")
_faststream.setLevel(logging.ERROR)


async def deliver(worker: Worker, topic: Topic, take: Take) -> None:
    """
    Give every record of `topic` to `take` until the worker is asked to stop.

    Raises Unavailable when Kafka cannot be reached at the start, and whatever `take` raised beyond its contract; the
    batch in hand is then not acknowledged.
    """
    await _Delivery(worker, topic, take).run()


class _Delivery:
    def __init__(self, worker: Worker, topic: Topic, take: Take) -> None:
        self._worker = worker
        self._topic = topic
        self._take = take
        self._line = Line()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._broker = KafkaBroker(
            worker.settings.kafka.split(","),
            security=_security(worker.settings.brokers),
            client_id=client_id(worker.group, worker.life),
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            graceful_timeout=_GRACE_S,
            logger=_faststream,
            log_level=logging.DEBUG,
        )
        self._subscriber = self._broker.subscriber(
            worker.topic(topic),
            batch=True,
            group_id=worker.group,
            max_records=BATCH,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            no_reply=True,
            parser=self._parse,
            decoder=_undecoded,
        )
        self._subscriber.get_msg = self._whose_turn_it_is  # type: ignore[method-assign]  # see the module's third point
        self._subscriber(self._on_batch)

    async def run(self) -> None:
        self._worker.not_ready(
            f"it joins the group {self._worker.group} to read {self._worker.topic(self._topic)}; "
            "if that lasts, see whether the topic is there: `segue topics`"
        )
        try:
            try:
                await self._broker.start()
            except KafkaError as error:
                kafka = self._worker.settings.brokers
                raise Unavailable(
                    f"{self._worker.name} cannot reach Kafka at {kafka}: {await advice(kafka, error)}"
                ) from error
            self._worker.ready_when(self._why_not_ready)
            if await until_stopped(self._worker.stopping, self._failed):
                self._failed.result()
        finally:
            self._worker.not_ready("it is stopped")
            await self._leave()

    async def _leave(self) -> None:
        consumer = self._subscriber.consumer
        try:
            async with asyncio.timeout(_LEAVE_S):
                await (stop(consumer, self._broker.stop()) if consumer else self._broker.stop())
        except (KafkaError, TimeoutError) as error:
            # Kafka is away, and will find out by itself that this member is gone.
            _log.warning("%s did not leave its group in order: %r", self._worker.name, error)

    def _why_not_ready(self) -> str:
        consumer = self._subscriber.consumer
        if consumer is None or not consumer.assignment():
            return f"no partition of {self._worker.topic(self._topic)} is assigned to it"
        return ""

    async def _parse(self, records: tuple[ConsumerRecord[Any, Any], ...]) -> KafkaMessage:
        consumer = self._subscriber.consumer
        assert consumer is not None
        return KafkaAckableMessage(raw_message=records, body=b"", message_id="", correlation_id="-", consumer=consumer)

    async def _whose_turn_it_is(self, consumer: "AIOKafkaConsumer[Any, Any]") -> Records:
        """Return the next batch, of what has come so far; wait for up to a second when nothing has."""
        # Errors stay in there: FastStream would sleep five seconds over each.
        self._line.add(await poll(consumer, _READ, without=self._line.full(), wait=not self._line))
        # Now, not before: while it waited, some of them may have become somebody else's.
        self._line.keep(consumer.assignment())
        return self._line.batch(BATCH)

    async def _on_batch(self, message: KafkaMessage) -> None:
        records = message.raw_message
        assert isinstance(records, tuple)
        batch = [received_from(self._topic, record) for record in records]
        try:
            if await self._settle(batch):
                self._line.settle(records)
                await self._acknowledge()
                return
        except Exception as error:
            # FastStream logs and goes on; the next acknowledgement would then pass over this batch.
            if not self._failed.done():
                self._failed.set_exception(error)
        self._subscriber.running = False

    async def _settle(self, batch: Sequence[Received]) -> bool:
        """Have the batch taken, however long its neighbours are away; False when asked to stop before that."""
        delays = delays_s()
        while True:
            try:
                await self._take(batch)
                return True
            except (Unavailable, Conflict) as error:
                delay_s = next(delays)
                RETRIES.labels(self._worker.name).inc()
                _log.warning(
                    "a batch waits: %s",
                    error,
                    extra={"function": self._worker.name, "records": len(batch), "retry_in_s": delay_s},
                )
            if await pause(self._worker.stopping, delay_s):
                return False
            await self._stay_in_group()

    async def _stay_in_group(self) -> None:
        """
        Poll for no partition at all: it takes no record, and tells the group that this member is alive.

        Without it the group would give our partitions away after max_poll_interval_ms, five minutes.
        """
        consumer = self._subscriber.consumer
        if consumer is not None:
            with suppress(KafkaError):
                await consumer.getmany(_NOTHING, timeout_ms=0)

    async def _acknowledge(self) -> None:
        consumer, offsets, all_ = self._subscriber.consumer, self._line.to_acknowledge(), self._line.all_settled
        if consumer is None or not (offsets or all_):
            return
        try:
            # All that was handed over: that names partitions of which nothing ever came as well.
            await (consumer.commit() if all_ else consumer.commit(offsets))
        except KafkaError as error:
            # The effect is committed. Whoever has the partition now gets the batch again and finds it in the inbox.
            _log.warning("an acknowledgement failed: %s", error, extra={"function": self._worker.name})
        else:
            self._line.acknowledged(offsets)


def _security(brokers: Brokers) -> BaseSecurity:
    """Say it in FastStream's words, for it takes no other."""
    context = brokers.security().get("ssl_context")
    if not brokers.protocol.startswith("SASL"):
        return BaseSecurity(context, use_ssl=context is not None)
    return _SASL[brokers.mechanism](brokers.username, brokers.password, context, use_ssl=context is not None)


async def _undecoded(message: KafkaMessage) -> KafkaMessage:
    return message
