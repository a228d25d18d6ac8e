"""How many facts a second are replayed and verified, beside a bare fold of the same facts in the same run."""

import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from controller.bench.history.figures import Figure, shown
from controller.core.stream import Fact, History, begin, fold
from controller.journal import Store
from controller.journal.facts import Recorded, recorded
from controller.proof.look import verify
from controller.replay import replay_kafka, replay_sql

LEAST_A_S: Final = 50_000.0
LEAST_OF_BARE: Final = 0.6
_ROUNDS: Final = 3
_ENOUGH_S: Final = 10.0


async def bare_fold(facts: Sequence[Fact]) -> float:
    """Return how many facts a second are folded that are in memory, decoded: nothing can replay them faster."""

    async def folded() -> int:
        histories: dict[str, History] = {}
        for fact in facts:
            histories[fact.stream] = fold(histories.get(fact.stream) or begin(fact.stream), (fact,))
        return sum(history.position for history in histories.values())

    return await _a_second(folded)


async def every(store: Store) -> list[Recorded]:
    """Return all facts of a store."""
    return [one async for one in recorded(store)]


async def replayed_sql(store: Store, part: str, bare: float) -> list[Figure]:
    """Replay a store that holds the facts that were folded."""

    async def replayed() -> int:
        return sum(history.position for history in (await replay_sql(store)).values())

    return _beside(part, "replay", await _a_second(replayed), bare)


async def replayed_kafka(bootstrap: str, part: str, bare: float) -> list[Figure]:
    """Replay the topic of the same facts."""

    async def replayed() -> int:
        return sum(history.position for history in (await replay_kafka(bootstrap)).values())

    return _beside(part, "replay", await _a_second(replayed), bare)


async def verified(store: Store, part: str, kafka: str = "") -> Figure:
    """Verify a store; with Kafka's address the topic as well, and count the facts of both."""

    async def looked() -> int:
        found = await verify(store, kafka)
        assert not found.findings, f"what was made up to be sound is not: {found.findings[0]}"
        return found.sql_facts + max(0, found.kafka_facts)

    return Figure(part, "verify", await _a_second(looked), "facts/s", least=LEAST_A_S)


def _beside(part: str, name: str, a_second: float, bare: float) -> list[Figure]:
    told = f"bare fold {shown(bare)} facts/s"
    return [
        Figure(part, name, a_second, "facts/s", least=LEAST_A_S, told=told),
        Figure(part, f"{name}, of a bare fold", a_second / bare, "times", least=LEAST_OF_BARE),
    ]


async def _a_second(work: Callable[[], Awaitable[int]]) -> float:
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
