"""
One process that hosts any of the functions, keeps each of them running, and ends cleanly when asked to.

A function that ends by an error is started again, later each time, and counted; its neighbours do not notice.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final

from consumers.answering import answering
from consumers.departed import see_off
from consumers.metrics import RESTARTS, RETRIES
from consumers.quiet import hush
from consumers.waiting import delays_s, pause, until_stopped
from consumers.worker import Readiness, Worker
from controller.collector import AMID_ALERTS, ELSEWHERE, rest_collector
from controller.core.errors import Broken, Conflict, Unavailable
from controller.journal import Store, open_store
from controller.journal.rights import may_rewrite
from controller.outside.listening import until_listening
from controller.settings import Settings
from controller.supervise.plan import FUNCTIONS as HOSTED

FUNCTIONS: Final = (*HOSTED["control"], *HOSTED["releases"])
"""What `run` can host. Each is a module of this package with `async def run(worker) -> None`."""

# What is in hand may end by itself; then it is cancelled, which only means that it is done again later.
_FINISH_S: Final = 0.3
_CLOSE_S: Final = 1.5
# After this long without an error a function's next one counts as its first.
_STEADY_S: Final = 30.0

_log = logging.getLogger(__name__)


async def run(names: Sequence[str], settings: Settings) -> None:
    """
    Host functions until SIGTERM or SIGINT; answers /health, /ready and /metrics on settings.worker_port.

    Waits for a database and a Kafka that are away. Raises Broken when a name is unknown, the port is taken, or the
    database's schema is not this version's.
    """
    for name in names:
        _function(name)
    seldom = AMID_ALERTS if "alerts" in names else ELSEWHERE
    # What was imported stays. To look through it once more took a tenth of a second, in which no alert was decided.
    rest_collector(seldom)
    hush("aiokafka")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, stopping.set)
    readiness = Readiness()
    async with answering(settings, readiness) as port:
        _log.info("hosting %s", ", ".join(names), extra={"functions": list(names), "port": port})
        store = await _open(settings, stopping)
        if store is None:
            return
        try:
            async with store.life() as life:
                workers = [Worker(name, settings, store, stopping, readiness, life.name) for name in names]
                # Not before: with a database and no function that lacks anything this process would call itself ready.
                readiness.store = store
                await _warn_of_rights(store)
                if not await _reach(settings, stopping, readiness):
                    return
                rest_collector(seldom)  # the database's own modules, and its connections
                seeing_off = asyncio.create_task(see_off(workers, life))
                try:
                    await host(workers)
                finally:
                    seeing_off.cancel()
                    await asyncio.gather(seeing_off, return_exceptions=True)
        finally:
            await store.close()
    _log.info("ended", extra={"functions": list(names)})


async def host(workers: Sequence[Worker]) -> None:
    """Keep one function running for each worker until they are asked to stop, all by the same event."""
    kept = [asyncio.create_task(_keep(_function(worker.name), worker)) for worker in workers]
    try:
        await workers[0].stopping.wait()
        await asyncio.wait(kept, timeout=_FINISH_S)
    finally:
        for task in kept:
            task.cancel()
        await asyncio.wait(kept, timeout=_CLOSE_S)


Function = Callable[[Worker], Awaitable[None]]


def _function(name: str) -> Function:
    """Import only what is hosted: the release worker's libraries alone are larger than all the rest."""
    if name not in FUNCTIONS:
        raise Broken(f"there is no function {name!r}; choose among {', '.join(FUNCTIONS)}")
    function: Function = import_module(f"consumers.{name}").run
    return function


async def _open(settings: Settings, stopping: asyncio.Event) -> Store | None:
    delays = delays_s()
    while True:
        try:
            return await open_store(settings.database)
        except Unavailable as error:
            delay_s = next(delays)
            _log.warning("waiting for the database: %s", error, extra={"retry_in_s": delay_s})
        if await pause(stopping, delay_s):
            return None


async def _reach(settings: Settings, stopping: asyncio.Event, readiness: Readiness) -> bool:
    """Wait until Kafka listens, in the place of all functions; False when asked to stop before that."""
    if not settings.kafka:
        return True  # whoever needs it says so

    def told(why: str) -> None:
        readiness.kafka = f"nobody answers at {settings.kafka}: {why}; start it, or correct SEGUE_KAFKA"
        _log.warning("waiting for Kafka: %s", readiness.kafka)

    listening = asyncio.create_task(until_listening(settings.brokers, told))
    try:
        return await until_stopped(stopping, listening)
    finally:
        readiness.kafka = ""
        listening.cancel()


async def _warn_of_rights(store: Store) -> None:
    with suppress(Unavailable):  # it was there a moment ago; who waits for it again is each function
        if await may_rewrite(store):
            _log.warning("this login could rewrite the journal: use one with the role segue_app (docs/audit.md)")


async def _keep(function: Function, worker: Worker) -> None:
    """Run one function, again and again, until the worker is asked to stop."""
    loop = asyncio.get_running_loop()
    delays = delays_s()
    while not worker.stopping.is_set():
        began = loop.time()
        try:
            await function(worker)
        except (Unavailable, Conflict) as error:
            RETRIES.labels(worker.name).inc()
            why = str(error)
        except Exception as error:
            RESTARTS.labels(worker.name).inc()
            _log.exception("%s ended by an error", worker.name, extra={"function": worker.name})
            why = f"it ended by {type(error).__name__}: {error}"
        else:
            return
        if loop.time() - began > _STEADY_S:
            delays = delays_s()
        delay_s = next(delays)
        worker.not_ready(why)
        _log.warning("%s starts again: %s", worker.name, why, extra={"function": worker.name, "retry_in_s": delay_s})
        await pause(worker.stopping, delay_s)
