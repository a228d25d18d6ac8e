"""
A poll that loses nothing to a record which cannot even be taken apart.

aiokafka raises over such a record (its checksum is wrong, or the name of a header is no UTF-8) and throws away what the
same poll had taken from other partitions, although their positions have moved on: the next acknowledgement would pass
over it. So after a failed poll every partition goes back to what is acknowledged, and each is asked by itself. The one
that fails is left alone for a while; its neighbours go on.

aiokafka also hands out all that it fetched of one partition, more than a thousand records, before it comes to the next.
A flood of alerts about one service would hold up the rollbacks of those in other partitions, so these are asked for by
name. Those in its own are seen to by `consumers/line.py`.
"""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from consumers.line import Records

_POLL_MS: Final = 1_000
_ASK_MS: Final = 200
_AFTER_ERROR_S: Final = 0.5
_LEFT_ALONE_S: Final = 30.0

_log = logging.getLogger(__name__)


async def poll(
    consumer: "AIOKafkaConsumer[Any, Any]", most: int, *, without: Collection[TopicPartition] = (), wait: bool = True
) -> Records:
    """
    Return at most `most` records of any partition but those named, or none. Errors stay in here.

    When some partitions have more than that, a fair share of the others comes besides. wait: for up to a second when
    there are none, instead of returning what is there.
    """
    try:
        asked = consumer.assignment() - set(without) if without else ()
        if without and not asked:
            return ()
        batches = await consumer.getmany(*asked, timeout_ms=_POLL_MS if wait else 0, max_records=most)
        found = list(chain(*batches.values()))
        if len(found) >= most:
            others = consumer.assignment() - consumer.paused() - batches.keys() - set(without)
            for partition in others:
                batches = await consumer.getmany(partition, timeout_ms=0, max_records=max(1, most // len(others)))
                found += batches.get(partition, ())
        return tuple(found)
    except ConsumerStoppedError:
        raise
    except Exception as error:  # KafkaError, ValueError from its part in C, or a mistake: all of it must come again
        _log.warning("a poll failed: %r", error)
    await _go_back(consumer)
    partitions = sorted(consumer.assignment() - consumer.paused())
    records: list[ConsumerRecord[Any, Any]] = []
    for partition in partitions:
        records += await _ask(consumer, partition, max(1, most // len(partitions)))
    return tuple(records)


async def _go_back(consumer: "AIOKafkaConsumer[Any, Any]") -> None:
    """Return to what is acknowledged; what that brings a second time is known to the inbox."""
    while True:
        await asyncio.sleep(_AFTER_ERROR_S)
        try:
            for partition in consumer.assignment():
                if offset := await consumer.committed(partition):
                    consumer.seek(partition, offset)
                else:
                    await consumer.seek_to_beginning(partition)
            return
        except KafkaError as error:
            # Kafka is away, or the partitions were shared out anew just now.
            _log.warning("cannot go back to what is acknowledged yet: %s", error)


async def _ask(consumer: "AIOKafkaConsumer[Any, Any]", partition: TopicPartition, most: int) -> Records:
    """Return the next records of one partition: one by one, so that those before a broken one are had."""
    records: list[ConsumerRecord[Any, Any]] = []
    try:
        while len(records) < most:
            batches = await consumer.getmany(partition, timeout_ms=_ASK_MS, max_records=1)
            if not batches:
                break
            records += batches[partition]
    except ConsumerStoppedError:
        raise
    except Exception as error:
        _log.error(
            "%s/%d is left alone for %g s: what follows %s cannot be taken apart (%r)",
            partition.topic,
            partition.partition,
            _LEFT_ALONE_S,
            f"offset {records[-1].offset}" if records else "what is acknowledged",
            error,
        )
        _leave_alone(consumer, partition)
    return tuple(records)


def _leave_alone(consumer: "AIOKafkaConsumer[Any, Any]", partition: TopicPartition) -> None:
    def again() -> None:
        with suppress(KafkaError):  # it may be somebody else's by now
            consumer.resume(partition)

    with suppress(KafkaError):
        consumer.pause(partition)
        asyncio.get_running_loop().call_later(_LEFT_ALONE_S, again)
