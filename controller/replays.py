"""A replay of all services, shared among processes by stream or by partition: the same histories, sooner."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from controller.brokers import Kafka
from controller.core.stream import History
from controller.journal import Store, open_store
from controller.journal.facts import size, streams
from controller.journal.partitions import check_whole
from controller.outside.published import sizes
from controller.replay import EVERYTHING, Until, replay_kafka, replay_sql
from controller.spread import cores, counted, portions, spread

Progress = Callable[[int, int], None]
"""Is told how many facts, or records of the topic, were read, and of how many."""

_MUCH: Final = 200_000
"""Facts from which on further processes are worth their start: each takes a second to import everything."""


def unheard(_number: int, _of: int) -> None:
    """Be told of no progress."""


async def all_from_sql(
    store: Store, database_url: str, until: Until = EVERYTHING, jobs: int | None = None, progress: Progress = unheard
) -> dict[str, History]:
    """
    Do what `replay_sql` does for all services, by several processes, each with a store of its own.

    jobs: how many; None means one a core, and this one alone when there is little to replay.
    """
    facts = await size(store)
    jobs, told = jobs or _worth(facts), partial(_tell, progress, facts)
    if jobs == 1:
        return await replay_sql(store, until=until, told=told)
    # A stream all of whose months were detached would not be among those that are shared.
    await store.read(check_whole)
    parts = [_OfSql(database_url, portion, until) for portion in portions(await streams(store), jobs)]
    return _together(await spread(jobs, _replay_sql, parts, told))


async def all_from_kafka(
    kafka: Kafka,
    prefix: str = "",
    until: Until = EVERYTHING,
    jobs: int | None = None,
    progress: Progress = unheard,
) -> dict[str, History]:
    """Do what `replay_kafka` does for all services, by several processes, each with partitions of its own."""
    there = await sizes(kafka, prefix)
    records = sum(there.values())
    jobs, told = jobs or _worth(records), partial(_tell, progress, 2 * records)
    if jobs == 1:
        return await replay_kafka(kafka, prefix, until=until, told=told)
    # Each process reads its partitions from start to end twice, so there are as many parts as processes, and no more.
    numbers = sorted(there, key=lambda number: there[number])
    shares = [tuple(numbers[first::jobs]) for first in range(min(jobs, len(numbers)))]
    parts = [_OfKafka(kafka, prefix, share, until) for share in shares]
    return _together(await spread(jobs, _replay_kafka, parts, told))


def _tell(progress: Progress, of: int, number: int) -> None:
    progress(number, of)


def _worth(facts: int) -> int:
    return cores() if facts >= _MUCH else 1


@dataclass(frozen=True, slots=True)
class _OfSql:
    """What one process replays at a time."""

    database_url: str
    streams: tuple[str, ...]
    until: Until


@dataclass(frozen=True, slots=True)
class _OfKafka:
    """The same, of the topic."""

    kafka: Kafka
    prefix: str
    partitions: tuple[int, ...]
    until: Until


def _replay_sql(part: _OfSql) -> dict[str, History]:
    async def replayed() -> dict[str, History]:
        store = await open_store(part.database_url)
        try:
            return _together([await replay_sql(store, name, part.until, counted()) for name in part.streams])
        finally:
            await store.close()

    return asyncio.run(replayed())


def _replay_kafka(part: _OfKafka) -> dict[str, History]:
    return asyncio.run(replay_kafka(part.kafka, part.prefix, None, part.until, part.partitions, counted()))


def _together(parts: Sequence[dict[str, History]]) -> dict[str, History]:
    found = {name: history for part in parts for name, history in part.items()}
    return {name: found[name] for name in sorted(found)}
