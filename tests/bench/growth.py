"""
What a message costs where there are many services, or a long history, in turn with what it costs where there are few.

A batch is about ten services, each time others, so that what is to be locked and written is the same everywhere.
"""

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final

from consumers.delivery import BATCH
from controller.bench.figures import Figure
from controller.bench.history.filling import Size, fill_postgres, fill_sqlite
from controller.bench.history.template import Template, written
from controller.journal import Store, open_store
from controller.parts.postgres import Postgres
from tests.bench.deciding import batch_of, decided_s

MOST_OF_FEW: Final = 1.2
_AT_ONCE: Final = 10
_WARM: Final = 5


@dataclass(frozen=True, slots=True)
class Growth:
    """Two stores to compare. facts_each: of a service, at least; rollouts_each: as many years ago as it takes."""

    name: str
    few: Size
    many: Size


GROWTHS: Final = (
    Growth("10,000 services instead of 10", Size(10, 50, 2, 2), Size(10_000, 50, 2, 2)),
    Growth("1,000,000 facts instead of 1,000", Size(30, 10, 1, 2), Size(100, 10_000, 12, 2)),
)


def measure(part: str, folder: Path, server: Postgres | None, batches: int) -> list[Figure]:
    """Fill stores of either size, and decide so many batches in each, in turn."""
    figures = []
    for number, growth in enumerate(GROWTHS):
        few, many = (
            _filled(f"{name}{number}", size, folder, server)
            for name, size in (("few", growth.few), ("many", growth.many))
        )
        figures.append(asyncio.run(_compared(part, growth, few, many, batches)))
    return figures


def _filled(name: str, size: Size, folder: Path, server: Postgres | None) -> str:
    made = _lives(size.templates, size.facts_each, size.rollouts_each)
    if server is not None:
        url = server.create(name)
        fill_postgres(url, size, made, lambda _: None)
        return url
    fill_sqlite(folder / f"{name}.db", size, made, lambda _: None)
    return f"sqlite:///{folder / name}.db"


@cache
def _lives(number: int, facts: int, rollouts: int) -> Sequence[Template]:
    return [written(seed, facts, rollouts) for seed in range(number)]


async def _compared(part: str, growth: Growth, few: str, many: str, batches: int) -> Figure:
    stores = [(await open_store(url), _names(size)) for url, size in ((few, growth.few), (many, growth.many))]
    gc.collect()
    gc.freeze()
    took_s: list[list[float]] = [[], []]
    try:
        for number in range(_WARM + batches):
            for place, (store, name) in enumerate(stores):
                took_s[place].append(await _decided_s(store, number, name))
    finally:
        gc.unfreeze()
        for store, _ in stores:
            await store.close()
    small, large = (median(one[_WARM:]) / BATCH * 1e6 for one in took_s)
    told = f"{large:.0f} us instead of {small:.0f}"
    return Figure(part, f"a message's cost among {growth.name}", large / small, "times", most=MOST_OF_FEW, told=told)


def _names(size: Size) -> Callable[[int], str]:
    names = size.names

    def name(place: int) -> str:
        batch, within = divmod(place, BATCH)
        return names[(batch * _AT_ONCE + within % _AT_ONCE) % len(names)]

    return name


async def _decided_s(store: Store, number: int, name: Callable[[int], str]) -> float:
    return await decided_s(store, batch_of(number, name))
