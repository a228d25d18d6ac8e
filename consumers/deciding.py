"""
A batch of records, decided: every record becomes exactly one input, and all of them one transaction.

A record that cannot be read, or that cannot be decided, becomes a fact and a dead letter of its own and costs its
neighbours nothing.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from consumers.delivery import deliver
from consumers.metrics import DEAD_LETTERS, DECIDE_SECONDS, FACTS, MESSAGES
from consumers.worker import Worker
from controller.core.errors import Conflict, Malformed, Unavailable
from controller.handle import Handled, Outcome, handle
from controller.wire.codec import event_type
from controller.wire.inbound import Input, Received, read, rejected
from controller.wire.topics import Topic

# A record that fails alone is tried again before it is called poison: what failed may have been the machine.
_TRIES_ALONE: Final = 3
_BETWEEN_TRIES_S: Final = 0.2

_log = logging.getLogger(__name__)


async def decide(worker: Worker, topic: Topic) -> None:
    """Decide every message of `topic` until the worker is asked to stop; the body of each deciding function."""

    async def take(records: Sequence[Received]) -> None:
        began = time.perf_counter()
        await _decide(worker, [_input(record) for record in records])
        DECIDE_SECONDS.labels(worker.name).observe(time.perf_counter() - began)

    await deliver(worker, topic, take)


def _input(record: Received) -> Input:
    try:
        return read(record)
    except Malformed as why:
        return rejected(record, why)


async def _decide(worker: Worker, inputs: Sequence[Input]) -> None:
    try:
        handled = await handle(worker.store, inputs)
    except (Unavailable, Conflict):
        raise
    except Exception:
        _log.exception("a batch cannot be decided; its messages are tried one by one", extra={"records": len(inputs)})
        for one in inputs:
            await _decide_alone(worker, one)
        return
    _account(worker, inputs, handled)


async def _decide_alone(worker: Worker, one: Input) -> None:
    for attempt in range(1, _TRIES_ALONE + 1):
        try:
            handled = await handle(worker.store, [one])
        except (Unavailable, Conflict):
            raise
        except Exception as error:
            _log.exception("message %s cannot be decided", one.id, extra={"message_id": one.id, "attempt": attempt})
            why = Malformed(f"deciding it failed with {type(error).__name__}: {error}; re-drive it once that is mended")
            await asyncio.sleep(_BETWEEN_TRIES_S)
        else:
            _account(worker, [one], handled)
            return
    letter = rejected(one.record, why)
    _account(worker, [letter], await handle(worker.store, [letter]))


def _account(worker: Worker, inputs: Sequence[Input], handled: Handled) -> None:
    """Count and log what became of messages, after the commit: what led to facts is told by these."""
    for outcome, number in Counter(handled.outcomes).items():
        MESSAGES.labels(worker.name, outcome.value).inc(number)
    for one, outcome in zip(inputs, handled.outcomes, strict=True):
        if outcome is Outcome.REJECTED:
            DEAD_LETTERS.labels(one.record.topic.value).inc()
        elif outcome is not Outcome.DECIDED and _log.isEnabledFor(logging.DEBUG):
            told = {"message_id": one.id, "service": one.command.service, "function": worker.name}
            _log.debug("message %s is %s", one.id, outcome.value, extra=told)
    for kind, number in Counter(event_type(fact.event) for fact in handled.facts).items():
        FACTS.labels(kind).inc(number)
    for fact in handled.facts:
        _log.info(
            "%s: %s",
            fact.stream,
            event_type(fact.event),
            extra={
                "message_id": fact.cause,
                "service": fact.stream,
                "position": fact.position,
                "rollout": fact.event.rollout,
                "epoch": getattr(fact.event, "epoch", None),
                "reason": fact.event.reason,
                "function": worker.name,
            },
        )
