"""
What users met becomes a message: every few seconds one window of measurements for each rollout that measures decide.

Windows lie on the clock's grid and their ids say which they are, so several observers send the same ones and the inbox
keeps the first. Not to see is a message too: it says `blind`, with the reason, and no counts. A window that cannot be
sent is lost; what was not measured speaks neither for nor against a release.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from consumers.footprints import Footprints
from consumers.gates import Case, Gates, Means
from consumers.metrics import BLIND_WINDOWS, TICK_SECONDS, WINDOW_LAG, WINDOWS
from consumers.producing import producer
from consumers.signalling import Signals
from consumers.tritons import tritons
from consumers.waiting import pause
from consumers.worker import Worker
from controller.core.errors import SegueError, Unavailable
from controller.core.evidence.window import Window
from controller.core.gates import GateKind
from controller.core.plan import Until
from controller.core.readings import Footprint, Reading
from controller.core.rollout import Phase, Rollout
from controller.core.state import State
from controller.journal import views
from controller.observe.window import Seen, see
from controller.outside.opinion import Opinions
from controller.outside.series import Prometheus
from controller.scene.probes import Probes
from controller.wire.messages import MessageType
from controller.wire.shape import plain
from controller.wire.topics import Topic

_ASKED_AT_ONCE: Final = 16
_LONGEST_ANSWER_S: Final = 5.0
_UNASKED: Final = "SEGUE_PROMETHEUS is empty: nobody says where measurements are to be had"

_log = logging.getLogger(__name__)


async def run(worker: Worker) -> None:
    """Observe until the worker is asked to stop. Raises Unavailable when the database or Kafka is away at the start."""
    if not worker.settings.observe_every_s:
        worker.ready_when(lambda: "")
        await worker.stopping.wait()
        return
    worker.not_ready("it has not looked at its services yet")
    async with AsyncExitStack() as stack:
        kafka = await stack.enter_async_context(producer(worker.settings))
        url = worker.settings.prometheus
        prometheus = await stack.enter_async_context(Prometheus(url)) if url else None
        known = await stack.enter_async_context(tritons(worker.settings))
        opinions = await stack.enter_async_context(Opinions())
        means = Means(worker.store, prometheus, known, opinions, _probes(worker))
        gates = await stack.enter_async_context(Gates(means))
        signals = Signals(kafka, worker.topic(Topic.SIGNALS), "segue/observer")
        await views.holding(worker.store)
        worker.ready_when(lambda: "")
        await _Observer(worker, signals, gates, prometheus, Footprints(worker.store, prometheus, known)).run()


def _probes(worker: Worker) -> Probes | None:
    """Return where golden prompts are kept for the case that the release is taken back, None where they are not."""
    settings = worker.settings
    kept = settings.scenes and settings.scene_audio_mib
    return Probes(Path(settings.scenes), settings.scene_audio_mib) if kept else None


def observed(state: State) -> Rollout | None:
    """
    Return a service's rollout if measurements have something to say about it.

    It stands in a step, there is a stable release to compare with, and its plan asks for more than approval.
    """
    rollout = state.rollout
    if rollout is None or rollout.phase is not Phase.HOLDING or rollout.from_release is None:
        return None
    asks = any(gate.kind is not GateKind.APPROVAL for gate in rollout.plan.gates)
    return rollout if asks or any(step.until is Until.EVIDENCE for step in rollout.plan.steps) else None


class _Observer:
    def __init__(
        self,
        worker: Worker,
        signals: Signals,
        gates: Gates,
        prometheus: Prometheus | None,
        footprints: Footprints,
    ) -> None:
        self._worker = worker
        self._signals = signals
        self._gates = gates
        self._prometheus = prometheus
        self._footprints = footprints
        self._every_ms = round(worker.settings.observe_every_s * 1000)
        # Prometheus has what belongs to a window when it has scraped once more: half a window later, since a window is
        # at least two scrapes long.
        self._settle_ms = self._every_ms // 2
        # Half a window for everything that is asked: windows go out in their order.
        self._answer_s = min(_LONGEST_ANSWER_S, self._every_ms / 2000)
        self._asking = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def run(self) -> None:
        """Tick by tick, each on its own: a slow one delays none of those after it."""
        ticks: set[asyncio.Task[None]] = set()
        try:
            while True:
                end_ms = ((_now_ms() - self._settle_ms) // self._every_ms + 1) * self._every_ms
                if await pause(self._worker.stopping, (end_ms + self._settle_ms - _now_ms()) / 1000):
                    return
                tick = asyncio.create_task(self._tick_safely(end_ms))
                ticks.add(tick)
                tick.add_done_callback(ticks.discard)
        finally:
            for tick in ticks:
                tick.cancel()

    async def _tick_safely(self, end_ms: int) -> None:
        try:
            with TICK_SECONDS.time():
                await self._tick(end_ms)
        except Unavailable as error:
            _log.warning("no window was measured: %s", error)
        except Exception:
            _log.exception("no window was measured")

    async def _tick(self, end_ms: int) -> None:
        services = await views.holding(self._worker.store)
        serving = frozenset(one.state.rollout.id for one in services if one.state.rollout and one.state.rollout.serves)
        cases = [
            Case(one.service, rollout, end_ms - self._every_ms, end_ms, serving, one.state.stable_endpoints)
            for one in services
            if (rollout := observed(one.state))
        ]
        if any(_weighs(case.rollout) for case in cases):
            await self._footprints.look()
        self._gates.keep_only([case.rollout for case in cases])
        done = await asyncio.gather(*map(self._observe, cases), return_exceptions=True)
        for service, came in zip([case.service for case in cases], done, strict=True):
            if isinstance(came, SegueError):
                _log.warning("a window of %s is lost: %s", service, came, extra={"service": service})
            elif came is not None:
                _log.error("a window of %s broke", service, exc_info=came, extra={"service": service})

    async def _observe(self, case: Case) -> None:
        rollout, service = case.rollout, case.service
        self._gates.ask(case)
        seen, memory = await asyncio.gather(self._see(case), self._memory(case))
        # A blind window carries no answers; they are kept for the next one that sees.
        readings = () if seen.blind else await self._gates.answered(rollout, self._answer_s / 2)
        await self._send(case, seen, memory, readings)
        WINDOWS.labels("blind" if seen.blind else "measured").inc()
        if seen.blind:
            BLIND_WINDOWS.labels(service).inc()
            said = {"service": service, "rollout": rollout.id}
            _log.warning("%s is not seen: %s", rollout.id, seen.blind, extra=said)
        WINDOW_LAG.set((_now_ms() - case.end_ms) / 1000)

    async def _see(self, case: Case) -> Seen:
        nothing = Window(case.start_ms, case.end_ms)
        if not case.rollout.plan.compares:
            return Seen(nothing)
        if self._prometheus is None:
            return Seen(nothing, _UNASKED)
        try:
            async with asyncio.timeout(self._answer_s), self._asking:
                return await see(
                    self._prometheus,
                    case.service,
                    case.rollout,
                    case.start_ms,
                    case.end_ms,
                    timeout_s=self._answer_s,
                )
        except TimeoutError:
            # Others wait for their answers as well, each as long as it may.
            return Seen(nothing, f"Prometheus does not answer within {self._answer_s:g} s")

    async def _memory(self, case: Case) -> Footprint | None:
        if not _weighs(case.rollout):
            return None
        try:
            async with asyncio.timeout(self._answer_s), self._asking:
                return await self._footprints.read(case, timeout_s=self._answer_s)
        except (SegueError, TimeoutError) as error:
            _log.warning("the memory of %s is not known: %s", case.rollout.id, error, extra={"service": case.service})
            return None

    async def _send(self, case: Case, seen: Seen, memory: Footprint | None, readings: Sequence[Reading]) -> None:
        window = seen.window
        data = {
            "rollout": case.rollout.id,
            "start_ms": window.start_ms,
            "end_ms": window.end_ms,
            "candidate": plain(window.candidate),
            "stable": plain(window.stable),
            "memory": plain(memory) if memory else None,
            "readings": [plain(reading) for reading in readings],
            "blind": seen.blind,
        }
        await self._signals.send(MessageType.WINDOW, f"window/{case.rollout.id}/{window.end_ms}", case.service, data)


def _weighs(rollout: Rollout) -> bool:
    """Say whether memory is asked for."""
    return any(gate.kind is GateKind.MEMORY for gate in rollout.plan.gates)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
