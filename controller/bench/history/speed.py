"""How many facts a second are replayed and verified, beside a bare fold of the same facts in the same run."""

import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from controller.bench.figures import Figure, shown
from controller.core.stream import History, begin, fold
from controller.journal import Store
from controller.journal.facts import Recorded, recorded
from controller.proof.look import verify
from controller.replays import all_from_kafka, all_from_sql

LEAST_A_S: Final = 50_000.0
LEAST_OF_BARE: Final = 0.6
_ROUNDS: Final = 3
_ENOUGH_S: Final = 10.0
_FOLDED: Final = 50_000

_Work = Callable[[], Awaitable[int]]
"""Does something with facts, and returns with how many."""


async def bare_fold(facts: Sequence[Recorded]) -> float:
    """Return how many facts a second one process folds that are in memory, decoded; of services that are whole."""
    some = [one.fact for one in facts[:_FOLDED]]

    async def folded() -> int:
        histories: dict[str, History] = {}
        for fact in some:
            histories[fact.stream] = fold(histories.get(fact.stream) or begin(fact.stream), (fact,))
        return _facts(histories)

    return await _a_second(folded)


async def every(store: Store) -> list[Recorded]:
    """Return all facts of a store."""
    return [one async for one in recorded(store)]


async def replayed_sql(store: Store, url: str, part: str, bare: float) -> list[Figure]:
    """Replay a store that holds the facts that were folded, by one process and by as many as `segue replay` takes."""

    async def alone() -> int:
        return _facts(await all_from_sql(store, url, jobs=1))

    async def together() -> int:
        return _facts(await all_from_sql(store, url))

    return await _beside(part, alone, together, bare)


async def replayed_kafka(bootstrap: str, part: str, bare: float) -> list[Figure]:
    """Replay the topic of the same facts in the same two ways."""

    async def alone() -> int:
        return _facts(await all_from_kafka(bootstrap, jobs=1))

    async def together() -> int:
        return _facts(await all_from_kafka(bootstrap))

    return await _beside(part, alone, together, bare)


async def verified(store: Store, part: str, kafka: str = "") -> Figure:
    """Verify a store; with Kafka's address the topic as well, and count the facts of both."""

    async def looked() -> int:
        found = await verify(store, kafka)
        assert not found.findings, f"what was made up to be sound is not: {found.findings[0]}"
        return found.sql_facts + max(0, found.kafka_facts)

    return Figure(part, "verify", await _a_second(looked), "facts/s", least=LEAST_A_S)


async def _beside(part: str, alone: _Work, together: _Work, bare: float) -> list[Figure]:
    one, all_cores = await _a_second(alone), await _a_second(together)
    told = f"a bare fold, which leaves out no window: {shown(bare)} facts/s"
    return [
        Figure(part, "replay", all_cores, "facts/s", least=LEAST_A_S, told="as `segue replay` does it, on all cores"),
        Figure(part, "replay, by one process", one, "facts/s", told=told),
        Figure(part, "replay by one process, of a bare fold", one / bare, "times", least=LEAST_OF_BARE),
    ]


def _facts(histories: Mapping[str, History]) -> int:
    return sum(history.position for history in histories.values())


async def _a_second(work: _Work) -> float:
    """Return how many facts a second work gets through, by the best of a few rounds: others use this machine, too."""
    best, until = 0.0, time.perf_counter() + _ENOUGH_S
    for _ in range(_ROUNDS):
        gc.collect()
        began = time.perf_counter()
        facts = await work()
        best = max(best, facts / (time.perf_counter() - began))
        if time.perf_counter() > until:
            break
    return best
