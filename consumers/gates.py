"""
The questions that a plan's gates ask outside, each for itself: a slow answer delays neither a window nor another gate.

What is answered goes with the next window that sees something. A gate has one question open at a time; an answer about
a step that has ended is thrown away, and so is one that became old because no window saw anything.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Self, assert_never

from consumers.tritons import Tritons
from controller.core.errors import SegueError
from controller.core.gates import Gate, GateKind
from controller.core.readings import Reading
from controller.core.rollout import Rollout
from controller.journal import Store, views
from controller.observe.golden import Speaker, listen
from controller.outside.opinion import Opinions
from controller.outside.series import Prometheus
from controller.scene.probes import Probes
from controller.wire.opinion import AskedWindow, Question

_LONGEST_REASON: Final = 1_000
_PROBE_AGAIN_MS: Final = 60_000

_log = logging.getLogger(__name__)

_Key = tuple[str, int, str]
"""Rollout, step and gate."""


@dataclass(frozen=True, slots=True)
class Means:
    """Who is asked. prometheus: None when nobody says where it is. probes: keep golden prompts, None keeps none."""

    store: Store
    prometheus: Prometheus | None
    tritons: Tritons
    opinions: Opinions
    probes: Probes | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """
    What is asked about: a rollout that stands in a step, at the end of a window; milliseconds since 1970.

    stable_endpoints: where the release that it is compared with lives.
    """

    service: str
    rollout: Rollout
    start_ms: int
    end_ms: int
    serving: frozenset[str]
    """Rollouts that serve users now, of all services."""
    stable_endpoints: tuple[str, ...] = ()

    def speakers(self, tritons: Tritons) -> tuple[Speaker, Speaker]:
        """Return candidate and stable with those of their endpoints that are known here."""
        rollout = self.rollout
        assert rollout.from_release is not None, f"{rollout.id} has nothing to be compared with"
        return (
            Speaker(rollout.release, tritons.homes(rollout.endpoints)),
            Speaker(rollout.from_release, tritons.homes(self.stable_endpoints)),
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, or answered and not yet told. old_ms: end of the window from which on it is worth nothing."""

    answer: asyncio.Task[Reading]
    old_ms: float


class Gates:
    """Asks in the background; `async with` calls off what is still open at the end."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._open: dict[_Key, _Question] = {}
        self._probed_ms: dict[_Key, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        answers = [question.answer for question in self._open.values()]
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    def ask(self, case: Case) -> None:
        """Ask every gate of the rollout's step that is due and has no question open."""
        rollout = case.rollout
        self._forget(case)
        if case.end_ms <= rollout.step_began_ms:
            # What comes with this window would be about the step before.
            return
        for gate in rollout.plan.gates_at(rollout.step):
            key = (rollout.id, rollout.step, gate.name)
            if gate.is_read and key not in self._open and self._is_due(key, gate, case):
                self._open[key] = _Question(asyncio.create_task(self._asked(gate, case)), _old_ms(gate, case))

    async def answered(self, rollout: Rollout, patience_s: float) -> tuple[Reading, ...]:
        """Return what is answered within patience_s seconds and was not returned before, in the plan's order."""
        asked = [(rollout.id, rollout.step, gate.name) for gate in rollout.plan.gates_at(rollout.step)]
        waiting = [self._open[key].answer for key in asked if key in self._open]
        if not waiting:
            return ()
        await asyncio.wait(waiting, timeout=patience_s)
        done = [key for key in asked if key in self._open and self._open[key].answer.done()]
        return tuple(self._open.pop(key).answer.result() for key in done)

    def keep_only(self, rollouts: Sequence[Rollout]) -> None:
        """Call off whatever is asked about other rollouts: they are over."""
        running = {rollout.id for rollout in rollouts}
        for key in [key for key in self._open if key[0] not in running]:
            self._open.pop(key).answer.cancel()
        self._probed_ms = {key: at_ms for key, at_ms in self._probed_ms.items() if key[0] in running}

    def _forget(self, case: Case) -> None:
        now = (case.rollout.id, case.rollout.step)
        for key, question in list(self._open.items()):
            if key[0] == case.rollout.id and (key[:2] != now or case.end_ms >= question.old_ms):
                del self._open[key]
                question.answer.cancel()

    def _is_due(self, key: _Key, gate: Gate, case: Case) -> bool:
        """Say whether to ask now: golden prompts once a step, until the journal has what came of them."""
        if gate.kind is not GateKind.PROBE:
            return True
        rollout = case.rollout
        standing = next((one for one in rollout.standings if one.reading.gate == gate.name), None)
        if standing is not None and standing.at_ms > rollout.step_began_ms:
            settled = standing.reading.outcome is not None and not 0 < standing.failing < gate.persist
            if settled:
                return False
        if key in self._probed_ms and case.end_ms - self._probed_ms[key] < _PROBE_AGAIN_MS:
            return False
        self._probed_ms[key] = case.end_ms
        return True

    async def _asked(self, gate: Gate, case: Case) -> Reading:
        try:
            return await self._ask(gate, case)
        except SegueError as error:
            return Reading(gate.name, reason=str(error)[:_LONGEST_REASON])
        except Exception as error:
            _log.exception("gate %s of %s could not be asked", gate.name, case.rollout.id)
            return Reading(gate.name, reason=f"it could not be asked ({type(error).__name__})")

    async def _ask(self, gate: Gate, case: Case) -> Reading:
        match gate.kind:
            case GateKind.PROMETHEUS:
                return await self._prometheus(gate, case)
            case GateKind.HTTP:
                return await self._opinion(gate, case)
            case GateKind.PROBE:
                return await self._probe(gate, case)
            case GateKind.FLEET:
                return Reading(gate.name, value=float(await self._before(case)))
            case GateKind.EVIDENCE | GateKind.MEMORY | GateKind.APPROVAL:
                raise AssertionError(f"nobody outside answers a gate of kind {gate.kind}")
        assert_never(gate.kind)

    async def _prometheus(self, gate: Gate, case: Case) -> Reading:
        if self._means.prometheus is None:
            return Reading(gate.name, reason="SEGUE_PROMETHEUS is empty: nobody says whom to ask")
        value = await self._means.prometheus.value(gate.query, case.end_ms, timeout_s=gate.timeout_s)
        return Reading(gate.name, value=value)

    async def _opinion(self, gate: Gate, case: Case) -> Reading:
        rollout = case.rollout
        question = Question(
            service=case.service,
            rollout=rollout.id,
            release=rollout.release.version,
            stable=rollout.from_release.version if rollout.from_release else "",
            step=rollout.step,
            weight_bp=rollout.weight_bp,
            window=AskedWindow(start_ms=case.start_ms, end_ms=case.end_ms),
        )
        opinion = await self._means.opinions.ask(gate.query, question, timeout_s=gate.timeout_s)
        figures = tuple(one.figure() for one in opinion.figures)
        return Reading(gate.name, outcome=opinion.verdict, reason=opinion.reason, figures=figures)

    async def _probe(self, gate: Gate, case: Case) -> Reading:
        tritons = self._means.tritons
        if not tritons.by_endpoint:
            return Reading(gate.name, reason="SEGUE_TRITON_GRPC is empty: nobody says whom to ask")
        if why := tritons.unknown(case.rollout.release, case.rollout.endpoints):
            return Reading(gate.name, reason=why)
        candidate, stable = case.speakers(tritons)
        heard = partial(self._heard, case.rollout)
        return await listen(gate.name, candidate, stable, gate.prompts, gate.timeout_s, heard)

    def _heard(self, rollout: Rollout, prompt: int, endpoint: str, samples: bytes) -> None:
        if self._means.probes is None:
            return
        try:
            self._means.probes.keep(rollout.id, prompt, endpoint, samples, rollout.release.sample_rate_hz)
        except OSError as error:
            # A scene without audio is no reason to judge a release otherwise.
            _log.warning("what %s said is not kept: %s", rollout.id, error.strerror, extra={"rollout": rollout.id})

    async def _before(self, case: Case) -> int:
        """Count the other services' rollouts that come first: those that serve users, and those that began earlier."""
        running = await views.running(self._means.store)
        own = next((one for one in running if one.rollout == case.rollout.id), None)
        if own is None:
            return 0
        mine = (own.started_at, own.service)
        return sum(
            one.service != case.service and (one.rollout in case.serving or (one.started_at, one.service) < mine)
            for one in running
        )


def _old_ms(gate: Gate, case: Case) -> float:
    """Say from which window on an answer is too old to be told: golden prompts are spoken once and stay true."""
    if gate.kind is GateKind.PROBE:
        return math.inf
    return case.end_ms + gate.timeout_s * 1000 + 2 * (case.end_ms - case.start_ms)
