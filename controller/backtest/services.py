"""Backtests of several services at once, each in a process of its own: services never wait for each other."""

import asyncio
import gc
from collections.abc import Iterator, Mapping
from concurrent.futures import as_completed
from functools import cache
from typing import Final

from controller.backtest.compare import Compared, backtest
from controller.backtest.policy import Policy
from controller.backtest.recorded import NEVER
from controller.journal import open_store
from controller.spread import cores, processes

_ROWS: Final = 50_000
"""New objects after which the collector looks at them: those of some pages."""

Answer = tuple[str, tuple[Compared, ...]]


def backtests(database_url: str, policies: Mapping[str, Policy], since_ms: int = NEVER) -> Iterator[Answer]:
    """
    Yield each service with its rollouts compared, as soon as it is done; `policies` says by which each is decided.

    Raises what reading the store raises. Whoever stops asking, or is interrupted, ends the processes at once.
    """
    workers = min(len(policies), cores())
    if workers < 2:
        for service, policy in policies.items():
            yield _one(database_url, service, policy, since_ms)
        return
    with processes(workers) as pool:
        asked = [pool.submit(_one, database_url, *one, since_ms) for one in policies.items()]
        for done in as_completed(asked):
            yield done.result()


def _one(database_url: str, service: str, policy: Policy, since_ms: int) -> Answer:
    _set_imported_aside()
    return service, asyncio.run(_backtest(database_url, service, policy, since_ms))


async def _backtest(database_url: str, service: str, policy: Policy, since_ms: int) -> tuple[Compared, ...]:
    store = await open_store(database_url)
    try:
        return await backtest(store, service, policy, since_ms)
    finally:
        await store.close()


@cache
def _set_imported_aside() -> None:
    # Rows are many, so the collector would come often, and each time look at all that was ever imported: a third of all
    # computing. Once is enough, for what later services leave is to be collected; and while things are imported, never.
    gc.disable()
    import controller.backtest.pages  # noqa: F401  # it is what the service needs, imported ahead

    gc.freeze()
    gc.set_threshold(_ROWS)
    gc.enable()
