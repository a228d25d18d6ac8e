"""
Tells people what the journal says: always in the log and, when `notify_webhook` is set, by a webhook.

It follows the journal in a group of its own, behind everything that matters: no route waits for a notice, and a webhook
that does not work costs a bounded time and a line in the log. After a crash a notice may be told twice.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from consumers.delivery import deliver
from consumers.metrics import MESSAGES, NOTICES
from consumers.telling import notice
from consumers.waiting import pause
from consumers.worker import Worker
from controller.core.errors import Malformed, SegueError, Unavailable
from controller.core.events import WindowMeasured
from controller.outside.notifiers import Notice, Webhook
from controller.wire.codec import fact_from_message, kind_from_message
from controller.wire.inbound import Received
from controller.wire.topics import Topic

_WAITS_S: Final = (0.5, 2.0)
"""Between the attempts to post one notice; after them it is left to the log."""

_NEWS_MS: Final = 24 * 3_600 * 1000
"""Older facts are no news: a notifier that starts with an empty group reads the journal from its beginning."""

_log = logging.getLogger(__name__)


async def run(worker: Worker) -> None:
    """Tell what happens until the worker is asked to stop."""
    async with AsyncExitStack() as stack:
        url = worker.settings.notify_webhook
        webhook = await stack.enter_async_context(Webhook(url)) if url else None

        async def take(records: Sequence[Received]) -> None:
            for told in filter(None, map(_notice, records)):
                await _tell(worker, webhook, told)
            MESSAGES.labels(worker.name, "told").inc(len(records))

        await deliver(worker, Topic.JOURNAL, take)


def _notice(record: Received) -> Notice | None:
    if kind_from_message(record.value or b"") is WindowMeasured:
        return None  # most facts are windows, of which nobody is told
    try:
        fact, _, _ = fact_from_message(record.value or b"")
    except Malformed as error:
        _log.error("a fact cannot be read: %s", error, extra={"offset": record.offset, "partition": record.partition})
        return None
    return notice(fact)


async def _tell(worker: Worker, webhook: Webhook | None, told: Notice) -> None:
    if told.at_ms < time.time() * 1000 - _NEWS_MS:
        NOTICES.labels("log", "too old").inc()
        return
    level = logging.WARNING if told.urgent else logging.INFO
    _log.log(level, told.text, extra={"service": told.service, "rollout": told.rollout, "fact": told.id})
    NOTICES.labels("log", "told").inc()
    if webhook is not None:
        NOTICES.labels("webhook", await _post(worker, webhook, told)).inc()


async def _post(worker: Worker, webhook: Webhook, told: Notice) -> str:
    for wait_s in (*_WAITS_S, None):
        try:
            await webhook.post(told)
            return "told"
        except SegueError as error:
            again = isinstance(error, Unavailable) and wait_s is not None
            _log.warning("notice %s: %s", told.id, error, extra={"fact": told.id, "again": again})
            if not again or await pause(worker.stopping, wait_s or 0):
                break
    return "failed"
