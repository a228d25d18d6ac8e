"""
Seeing to it that a dead process's partitions go on to others at once.

Kafka waits for a killed member until its session is over, six seconds at least, and nobody decides its services
meanwhile. The database knows at once: the lock by which a process lives is free. Whoever sees that tells Kafka, in
the dead one's name, that it leaves its groups. To be wrong about it costs one rebalance: who is alive joins again,
and what two members hold at once the inbox and the journal's positions keep apart.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError, UnknownMemberIdError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from consumers.waiting import pause
from consumers.worker import Worker
from controller.brokers import Brokers
from controller.core.errors import Unavailable
from controller.journal.lives import Life

_LOOK_EVERY_S: Final = 0.25
# Somebody whose lock nobody here ever saw may just be taking it again, as all do when the database comes back.
_STRANGERS_S: Final = 1.0
_AFTER_ERROR_S: Final = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """Who reads in a group. life: the name of its process, "" when its client id tells none."""

    group: str
    id: str
    life: str


def client_id(group: str, life: str) -> str:
    """Return what a process calls itself in a group: by this it is known when it is gone."""
    return f"{group}@{life}" if life else group


async def see_off(workers: Sequence[Worker], life: Life) -> None:
    """Have the dead leave the groups of these workers, until they are asked to stop."""
    stopping, groups = workers[0].stopping, [worker.group for worker in workers]
    watch = Watch(life)
    while not stopping.is_set():
        delay_s = _LOOK_EVERY_S
        try:
            if await watch.anybody_missing():
                async with _kafka(workers[0].settings.brokers) as kafka:
                    for one in watch.gone(await members(kafka, groups)):
                        await _leave(kafka, one)
                watch.seen_off()
        except (Unavailable, KafkaError, OSError) as error:
            _log.debug("who lives was not looked over: %s", error)
            delay_s = _AFTER_ERROR_S
        except Exception:
            # A fault of our own must not end the watch for good.
            _log.exception("looking over who lives failed; trying again")
            delay_s = _AFTER_ERROR_S
        await pause(stopping, delay_s)


class Watch:
    """Who was seen alive through one unbroken session, and who is missed."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._since = 0
        self._seen: frozenset[str] = frozenset()
        self._living: frozenset[str] = frozenset()
        # Seen alive, gone since, and still to be seen off; strangers are in a group and were never seen alive.
        self._missed: frozenset[str] = frozenset()
        self._strangers: dict[str, float] = {}
        self._to_look = True
        # Whoever comes back after that was alive; once is enough.
        self._seen_off: set[str] = set()

    async def anybody_missing(self) -> bool:
        """Look who lives; say whether the groups have to be looked at for somebody who does not. Raises Unavailable."""
        self._living = await self._life.living()
        if self._life.since != self._since:
            # A database that was away took everybody's lock: what was seen before proves nothing now.
            self._since, self._seen, self._missed, self._to_look = self._life.since, frozenset(), frozenset(), True
        self._seen_off -= self._living
        self._missed = (self._missed | self._seen) - self._living - self._seen_off
        self._seen = self._living
        return self._to_look or bool(self._missed)

    def gone(self, members: Iterable[Member]) -> list[Member]:
        """Return the members who are dead; a stranger is given time to be seen alive."""
        now_s = asyncio.get_running_loop().time()
        absent = [one for one in members if one.life and one.life not in self._living | self._seen_off]
        strangers = {one.life for one in absent} - self._missed
        self._strangers = {life: self._strangers.get(life, now_s) for life in strangers}
        self._missed |= {life for life, since_s in self._strangers.items() if now_s - since_s >= _STRANGERS_S}
        self._to_look = not strangers <= self._missed
        return [one for one in absent if one.life in self._missed]

    def seen_off(self) -> None:
        """Note that Kafka knows of all who were gone."""
        self._seen_off |= self._missed
        self._missed = frozenset()


async def members(kafka: AIOKafkaClient, groups: Iterable[str]) -> list[Member]:
    """Return who reads in these groups. Raises KafkaError."""
    found: list[Member] = []
    for group in groups:
        answer = await _ask(kafka, group, DescribeGroupsRequest([group]))
        ((code, _, _, _, _, rows, *_),) = answer.groups
        _check(code)
        found += [Member(group, row[0], row[1].rpartition("@")[2] if "@" in row[1] else "") for row in rows]
    return found


async def _leave(kafka: AIOKafkaClient, one: Member) -> None:
    code = (await _ask(kafka, one.group, LeaveGroupRequest(one.group, one.id))).error_code
    if code == UnknownMemberIdError.errno:  # somebody else was first
        return
    _check(code)
    _log.warning("%s is dead and leaves %s", one.life, one.group, extra={"group": one.group, "member": one.id})


async def _ask(kafka: AIOKafkaClient, group: str, request: Any) -> Any:
    return await kafka.send(await kafka.coordinator_lookup(CoordinationType.GROUP, group), request)


def _check(code: int) -> None:
    error: type[KafkaError] = for_code(code)
    if code:
        raise error()


@asynccontextmanager
async def _kafka(brokers: Brokers) -> AsyncIterator[AIOKafkaClient]:
    client = AIOKafkaClient(**brokers.client(), request_timeout_ms=2_000)
    try:
        await client.bootstrap()
        yield client
    finally:
        await client.close()
