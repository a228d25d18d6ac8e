"""
Whether a message was decided that no fact is heard of: it may have changed nothing, or nobody decides just now.

Kafka alone tells that it was decided, for whoever decides acknowledges it then. What it led to, the store knows, where
it is to be had: facts that nobody publishes look from Kafka as if there were none.
"""

import asyncio
from contextlib import suppress

from controller.core.errors import Broken, SegueError, Unavailable
from controller.core.stream import Fact
from controller.outside.groups import acknowledged
from controller.settings import Settings
from controller.wire.topics import DECIDED_BY, Topic, group_name, topic_name

_ANSWER_S = 5.0


class Followed:
    """
    One message, at its place in Kafka.

    decided: whether anything says so. untold: why Kafka refuses to say it, "" when it does not. led_to: its facts, as
    the store has them; None while they are not known.
    """

    def __init__(self, settings: Settings, topic: Topic, partition: int, offset: int, name: tuple[str, str]) -> None:
        """name: its source, and its id there."""
        self.decided = False
        self.untold = ""
        self.led_to: tuple[Fact, ...] | None = None
        self._settings = settings
        self._topic = topic
        self._partition, self._offset = partition, offset
        self._name = name

    def changed_nothing(self) -> bool:
        """Look again; True when it is certain that it was decided and no fact came of it."""
        if not self.decided and not self.untold and self._acknowledged():
            self.decided = True
            self.look_into_store()
        return self.led_to == ()

    def look_into_store(self) -> None:
        """Take the store's word, where there is one; a message that it does not have may be another store's."""
        with suppress(SegueError):
            self.led_to = asyncio.run(self._led_to())
            self.decided = self.decided or self.led_to is not None

    def _acknowledged(self) -> bool:
        prefix = self._settings.topic_prefix
        group, topic = group_name(DECIDED_BY[self._topic], prefix), topic_name(self._topic, prefix)
        try:
            return acknowledged(self._settings.brokers, group, topic, _ANSWER_S).get(self._partition, 0) > self._offset
        except Unavailable:
            return False  # Kafka may be back before the waiting ends, and the order stands all the same
        except Broken as error:
            self.untold = str(error)
            return False

    async def _led_to(self) -> tuple[Fact, ...] | None:
        from controller.cli.stored import opened
        from controller.journal.consequences import consequences

        async with opened(self._settings) as store:
            return await consequences(store, *self._name)
