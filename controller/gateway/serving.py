"""The gateway as a process: its parts connected, its tasks running, its port open, until it is told to stop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn

from controller.connections import Bounds, Guard, configured, listening
from controller.core.errors import Broken, Malformed
from controller.core.routing import RoutingTable
from controller.gateway.app import Parts, make_app
from controller.gateway.ejections import Ejections
from controller.gateway.encode import Encoders
from controller.gateway.follow import Follower
from controller.gateway.health import EjectRules
from controller.gateway.keep import Keeper, TableFile
from controller.gateway.memory import keep_memory
from controller.gateway.metrics import Metrics
from controller.gateway.report import Reporter
from controller.gateway.tables import Tables
from controller.gateway.triton import TritonEngine
from controller.gateway.underway import UnderWay
from controller.gateway.unheard import Unheard
from controller.settings import Settings

log = logging.getLogger(__name__)

_BACKLOG: Final = 2048
_MOST_ENDING_S: Final = 25
"""With its last words a gateway ends within the half minute after which Kubernetes kills by default."""
_LAST_WORDS_S: Final = 2.0


async def serve(settings: Settings) -> None:
    """
    Serve speech on settings.host:settings.gateway_port until SIGTERM, SIGINT or cancellation.

    Requests in flight are finished, for at most settings.drain_s seconds and never longer than 25. Raises Malformed
    when Kafka's or Triton's address is missing, and Broken when the port cannot be had. Run it on uvloop:
    `uvloop.run(serve(settings))`.
    """
    for name, address in (("SEGUE_KAFKA", settings.kafka), ("SEGUE_TRITON_HTTP", settings.triton_http)):
        if not address:
            raise Malformed(f"{name} is empty; give the address, host:port, that the gateway shall use")
    keep_memory()
    rules = EjectRules(settings.eject_after, settings.eject_first_s, settings.eject_most_s)
    engine = TritonEngine(settings.triton_http, rules)
    listener = _listener(settings.host, settings.gateway_port)
    metrics = Metrics()
    file = TableFile(settings.data, settings.router)
    tables = Tables(metrics, file.load(), file.note)
    keeper = Keeper(tables, file)
    reporter = Reporter(settings.brokers, settings.topic_prefix, settings.router)
    under_way = UnderWay(reporter.drained)

    engine.watch(Ejections(engine, tables, metrics, reporter))

    def applied(table: RoutingTable, at_ms: int) -> None:
        reporter.applied(table, under_way.applied(table), at_ms)
        keeper.changed()
        log.info("routing table applied", extra={"service": table.service, "epoch": table.epoch, "at_ms": at_ms})

    follower = Follower(settings.brokers, settings.topic_prefix, tables, applied)
    metrics.watch_age(follower.age_s)
    encoders = Encoders()
    copies, late = Unheard(), Unheard()
    parts = Parts(
        tables,
        follower,
        engine,
        metrics,
        encoders,
        settings.release_timeout_s,
        late_s=settings.hedge_after_s or None,
        copies=copies,
        late=late,
        under_way=under_way,
        tokens=settings.tokens,
    )
    app = make_app(parts)
    guard = Guard(Bounds())
    following, reporting, keeping = (asyncio.create_task(part.run()) for part in (follower, reporter, keeper))
    watching = asyncio.create_task(guard.watch())
    finish_s = min(max(1, round(settings.drain_s)), _MOST_ENDING_S)
    try:
        config = configured(app, guard, finish_s=finish_s, certificate=settings.tls_cert, key=settings.tls_key)
        await _listen(_Server(config), listener)
    finally:
        # First, for no table may be reported after the last words.
        await _end(following)
        for service in tables.all():
            reporter.ended(service)
        await reporter.told(_LAST_WORDS_S)
        await _end(reporting, keeping, watching)
        await copies.end()
        await late.end()
        encoders.close()
        engine.close()


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _listener(host: str, port: int) -> socket.socket:
    # uvicorn would answer a port that is taken by ending the whole process.
    try:
        return listening(host, port, _BACKLOG)
    except OSError as error:
        raise Broken(
            f"the gateway cannot listen on {host}:{port}: {error.strerror}; free that port or set SEGUE_GATEWAY_PORT"
        ) from error


async def _listen(server: "_Server", listener: socket.socket) -> None:
    listening = asyncio.ensure_future(server.serve([listener]))
    try:
        await asyncio.shield(listening)
    except asyncio.CancelledError:
        server.should_exit = True
        await listening
        raise


class _Server(uvicorn.Server):
    """uvicorn, but a signal ends `serve` in order instead of being raised again before our own tasks are stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()
