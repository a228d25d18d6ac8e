"""
Speech from a release's Tritons: each inference goes to the endpoint with the least work, and not to one that fails.

An endpoint that fails a release again and again is ejected for that release, and comes back when a probe, a whole
inference whose audio is checked, was answered well. When nothing is left but ejected endpoints, they are asked all the
same: whoever calls decides, by `gone`, whether another release can answer instead.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from controller.core.names import Release
from controller.core.routing import Arm
from controller.gateway.checks import check_audio
from controller.gateway.endpoint import Endpoint
from controller.gateway.engine import ModelFailed, ModelTimedOut, ReleaseFault, Spoken
from controller.gateway.health import EjectRules, Health

log = logging.getLogger(__name__)

_PROBE_TEXT: Final = "One moment please, I am being asked whether I still speak."
_PROBE_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ejected:
    """
    No more requests of a release go to this endpoint, or a probe found that it still must be so.

    failures: in a row. fault: the latest. probed: whether a probe of our own has failed, too.
    """

    endpoint: str
    ensemble: str
    failures: int
    fault: ReleaseFault
    probed: bool


@dataclass(frozen=True, slots=True)
class Readmitted:
    """The endpoint answered a probe well and gets requests of the release again. failures: that it had in a row."""

    endpoint: str
    ensemble: str
    failures: int


class Watcher(Protocol):
    """Whoever wants to know which endpoints come and go."""

    def changed(self, change: Ejected | Readmitted) -> None:
        """Be told."""
        ...

    def wanted(self, endpoint: str, ensemble: str) -> bool:
        """Say whether a release is still to be found on this endpoint; if not, probing ends."""
        ...


class TritonEngine:
    """See the module. Use it inside one running event loop."""

    def __init__(self, addresses: str, rules: EjectRules | None = None) -> None:
        """
        addresses: host:port of the HTTP endpoints of releases that name none, separated by commas.

        Raises Malformed when one of them is no address.
        """
        self._rules = rules or EjectRules()
        self._known: dict[str, Endpoint] = {}
        self._default = tuple(dict.fromkeys(Endpoint(address).address for address in addresses.split(",")))
        self._health: dict[tuple[str, str], Health] = {}
        self._probing: set[asyncio.Task[None]] = set()
        self._watcher: Watcher | None = None
        self._turn = 0

    def watch(self, watcher: Watcher) -> None:
        """Tell this one from now on."""
        self._watcher = watcher

    def close(self) -> None:
        """End the probing, and the connections that lie idle."""
        for task in self._probing:
            task.cancel()
        for endpoint in self._known.values():
            endpoint.close()

    def endpoints(self, arm: Arm) -> tuple[str, ...]:
        """Return where the arm's release lives: where it says, else where this gateway was told to look."""
        return arm.endpoints or self._default

    def gone(self, arm: Arm) -> bool:
        """Say whether every endpoint is ejected for the arm's release."""
        health, ensemble = self._health, arm.release.ensemble
        return all(
            (known := health.get((address, ensemble))) is not None and known.ejected for address in self.endpoints(arm)
        )

    def speaks(self, arm: Arm) -> bool:
        """Say whether the arm's release was heard, and its latest answer from some endpoint was good."""
        health, ensemble = self._health, arm.release.ensemble
        return any(
            (known := health.get((address, ensemble))) is not None and known.speaks for address in self.endpoints(arm)
        )

    async def infer(self, arm: Arm, text: str, speed: float, timeout_s: float) -> Spoken:
        """
        Let the arm's release speak one group of sentences.

        What one endpoint fails is asked of one more, but for a time-out: the caller has waited enough. Raises
        ReleaseFault: see Endpoint.infer.
        """
        endpoint = self._least_busy(arm)
        assert endpoint is not None
        try:
            return await self._ask(endpoint, arm.release, text, speed, timeout_s)
        except ModelTimedOut:
            raise
        except ReleaseFault:
            another = self._least_busy(arm, but=endpoint)
            if another is None:
                raise
        return await self._ask(another, arm.release, text, speed, timeout_s)

    async def _ask(self, endpoint: Endpoint, release: Release, text: str, speed: float, timeout_s: float) -> Spoken:
        health = self._health_of(endpoint.address, release.ensemble)
        endpoint.work += len(text)
        try:
            audio = await endpoint.infer(release.ensemble, text, speed, timeout_s)
        except ReleaseFault as fault:
            fault.endpoint = endpoint.address
            if health.failed(time.monotonic()):
                self._eject(endpoint, release, health, fault)
            raise
        finally:
            endpoint.work -= len(text)
        health.answered()
        return Spoken(audio, endpoint.address)

    def _least_busy(self, arm: Arm, but: Endpoint | None = None) -> Endpoint | None:
        """Return the one with the least work of those that are not ejected or, when all are and any will do, of all."""
        endpoints = [self._endpoint(address) for address in self.endpoints(arm)]
        healthy = [
            endpoint
            for endpoint in endpoints
            if endpoint is not but and not self._health_of(endpoint.address, arm.release.ensemble).ejected
        ]
        if not healthy and but is not None:
            return None
        return self._in_turn(healthy or endpoints)

    def _in_turn(self, endpoints: Sequence[Endpoint]) -> Endpoint:
        least = min(endpoint.work for endpoint in endpoints)
        equal = [endpoint for endpoint in endpoints if endpoint.work == least]
        self._turn += 1
        return equal[self._turn % len(equal)]

    def _endpoint(self, address: str) -> Endpoint:
        endpoint = self._known.get(address)
        if endpoint is None:
            endpoint = self._known[address] = Endpoint(address)
        return endpoint

    def _health_of(self, address: str, ensemble: str) -> Health:
        health = self._health.get((address, ensemble))
        if health is None:
            health = self._health[address, ensemble] = Health(self._rules)
        return health

    def _eject(self, endpoint: Endpoint, release: Release, health: Health, fault: ReleaseFault) -> None:
        log.error(
            "ejected an endpoint: it failed its release too often in a row",
            extra={"endpoint": endpoint.address, "ensemble": release.ensemble, "fault": str(fault)},
        )
        self._tell(Ejected(endpoint.address, release.ensemble, health.failures, fault, probed=False))
        probing = asyncio.create_task(self._probe_until_it_speaks(endpoint, release, health))
        self._probing.add(probing)
        probing.add_done_callback(self._probing.discard)

    async def _probe_until_it_speaks(self, endpoint: Endpoint, release: Release, health: Health) -> None:
        while health.ejected:
            await asyncio.sleep(health.wait_s())
            try:
                if self._watcher is not None and not self._watcher.wanted(endpoint.address, release.ensemble):
                    self._health.pop((endpoint.address, release.ensemble), None)
                    return
                await self._probe(endpoint, release, health)
            except Exception:
                # A fault of our own must not leave an endpoint out for good.
                log.exception("probing an ejected endpoint failed; trying again")

    async def _probe(self, endpoint: Endpoint, release: Release, health: Health) -> None:
        try:
            await _hear(endpoint, release)
        except ReleaseFault as fault:
            health.failed(time.monotonic())
            self._tell(Ejected(endpoint.address, release.ensemble, health.failures, fault, probed=True))
            return
        failures = health.failures
        health.readmitted(time.monotonic())
        log.warning(
            "readmitted an endpoint: it answered a probe",
            extra={"endpoint": endpoint.address, "ensemble": release.ensemble},
        )
        self._tell(Readmitted(endpoint.address, release.ensemble, failures))

    def _tell(self, change: Ejected | Readmitted) -> None:
        if self._watcher is not None:
            self._watcher.changed(change)


async def _hear(endpoint: Endpoint, release: Release) -> None:
    """Let a release speak. Raises ReleaseFault, also when what it says is no speech."""
    audio = await endpoint.infer(release.ensemble, _PROBE_TEXT, 1.0, _PROBE_TIMEOUT_S)
    wrong = check_audio(audio, release.sample_rate_hz, sum(map(str.isalnum, _PROBE_TEXT)), 1.0)
    if wrong is not None and wrong.unusable:
        raise ModelFailed(f"{release.ensemble}: its audio is {wrong}")
