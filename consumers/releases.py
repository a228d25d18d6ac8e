"""
What the services want loaded is loaded, heard, and unloaded when nobody wants it any more.

Level-triggered: each sweep compares what `Loadings` says with what is held here, whatever happened in between. The
journal only wakes it, by facts that can matter, so that a new candidate need not wait for the next sweep; a lost
message, a restart of this worker or of Triton are all healed by the sweep.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from consumers.delivery import deliver
from consumers.draining import NEWS, Draining
from consumers.homes import came_of
from consumers.kept import Failed, Heard, Kept, Surroundings
from consumers.metrics import PROBE_SECONDS, PROBE_UP
from consumers.producing import producer
from consumers.reports import Reports
from consumers.tritons import Tritons, tritons
from consumers.waiting import delays_s, pause
from consumers.worker import Worker
from controller.core.errors import Malformed, SegueError, Unavailable
from controller.core.names import Release
from controller.core.needs import STEADY
from controller.journal.loading import Loaded, Loading, Loadings, Wanted
from controller.outside.triton import Probe
from controller.wire.codec import kind_from_message
from controller.wire.inbound import Received
from controller.wire.topics import Topic

_SWEEP_S: Final = 1.0
_REST: Final = 9.0
"""How many times as long as it looked a sweep rests then: it takes a tenth of the time at most."""
_LOADS_AT_ONCE: Final = 2

_Name = tuple[str, str]
"""Ensemble and digest: one name asked for with two digests is two releases, and one of them is not what is built."""

_Key = tuple[str, str, str]
"""The same and the endpoint."""

_log = logging.getLogger(__name__)


async def run(worker: Worker) -> None:
    """
    Keep each Triton at what the services want, until the worker is asked to stop; what is loaded then stays loaded.

    Raises Malformed when the settings name no Triton, or do not pair them.
    """
    if not worker.settings.tritons:
        raise Malformed("SEGUE_TRITON_GRPC is empty; give the address, host:port, where releases shall be loaded")
    async with tritons(worker.settings) as known, producer(worker.settings) as kafka:
        keeper = _Keeper(worker, known, Reports(kafka, worker.topic(Topic.SIGNALS)))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(deliver(worker, Topic.JOURNAL, keeper.wake))
                group.create_task(keeper.sweep())
        finally:
            keeper.let_go()


@dataclass(slots=True)
class _Held:
    """
    A release in hand, on one endpoint. wants: which services want it.

    life: none while nobody has wanted it yet: an earlier worker left it behind, and it only has to go. leaving: runs
    once nobody wants it; it can be called off until `gone`. drains: it was up when it began to leave. news: there are
    facts of a service that had it, from which it may follow that nobody hears it any more.
    """

    kept: Kept
    life: asyncio.Task[None] | None = None
    wants: set[str] = field(default_factory=set)
    wanted_by: set[str] = field(default_factory=set)
    leaving: asyncio.Task[None] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    drains: bool = False
    gone: bool = False
    unloaded: bool = False

    @property
    def was_up(self) -> bool:
        """Say whether it may have requests in flight."""
        return self.life is None or self.kept.was_heard


class _Keeper:
    def __init__(self, worker: Worker, known: Tritons, reports: Reports) -> None:
        self._worker = worker
        self._tritons = known
        self._reports = reports
        self._loadings = Loadings(worker.store)
        self._draining = Draining(worker.store, worker.settings.drain_s)
        self._awake = asyncio.Event()
        self._told: set[tuple[str, ...]] = set()
        self._held: dict[_Key, _Held] = {}
        self._wanted: Sequence[Wanted] = ()
        # Endpoints that nobody configured, by what is said of them.
        self._nowhere: dict[str, Failed] = {}
        # Reported as unloaded, perhaps not decided yet: not to be taken for left behind.
        self._reported_gone: set[tuple[str, _Name]] = set()
        self._around = {
            endpoint: Surroundings(
                endpoint=endpoint,
                triton=triton,
                repository=worker.settings.repository,
                loads=asyncio.Semaphore(_LOADS_AT_ONCE),
                probe_every_s=worker.settings.probe_every_s,
                first_timeout_s=worker.settings.release_timeout_s,
                probed=self._probed,
                changed=self._awake.set,
                all_silent=self._others_silent,
            )
            for endpoint, triton in known.by_endpoint.items()
        }

    async def wake(self, records: Sequence[Received]) -> None:
        """Look again now, if what happened can matter: most facts are measurements, and change nothing here."""
        for record in records:
            kind = kind_from_message(record.value or b"")
            if kind not in STEADY:
                self._awake.set()
            if kind is None or kind in NEWS:
                service = (record.key or b"").decode(errors="replace")
                for held in self._held.values():
                    if service in held.wanted_by:
                        held.news.set()

    async def sweep(self) -> None:
        """Compare and act until the worker is asked to stop."""
        while not self._worker.stopping.is_set():
            self._awake.clear()
            began_s = time.perf_counter()
            try:
                self._compare(await self._loadings.look())
                await self._tell()
            except Unavailable as error:
                # What is held stays held: an unreachable database is no reason to unload anything.
                _log.warning("the releases were not looked over: %s", error)
            await pause(self._worker.stopping, min(_SWEEP_S, _REST * (time.perf_counter() - began_s)))
            with suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP_S):
                    await self._awake.wait()

    def let_go(self) -> None:
        """Stop looking after the releases; Triton goes on serving them."""
        for held in self._held.values():
            for task in (held.life, held.leaving):
                if task is not None:
                    task.cancel()

    def _compare(self, loading: Loading) -> None:
        self._wanted = loading.wanted
        now: dict[_Key, set[str]] = {}
        for want in loading.wanted:
            for endpoint in self._tritons.homes(want.endpoints):
                self._take(want.release, endpoint)
                now.setdefault(_key(want.release, endpoint), set()).add(want.service)
        self._take_over(loading.loaded, now)
        for key, held in self._held.items():
            held.wants = now.get(key, set())
            if not held.gone:
                # Who asks for it only while it is being unloaded never had it, and is not told that it went.
                held.wanted_by |= held.wants
            if not held.wants and held.leaving is None:
                held.leaving = asyncio.create_task(self._leave(key, held))
            elif held.wants and not held.gone:
                self._hold(held)

    def _take(self, release: Release, endpoint: str) -> None:
        """Take a release in hand on an endpoint, unless it is so already."""
        key = _key(release, endpoint)
        if key not in self._held:
            self._held[key] = _Held(Kept(release, self._around[endpoint]))

    def _take_over(self, loaded: Sequence[Loaded], wanted: Mapping[_Key, AbstractSet[str]]) -> None:
        """Take in hand what a worker before this one loaded, wherever it did, and did not come to unload."""
        self._reported_gone &= {(one.service, _name(one.release)) for one in loaded}
        for one in loaded:
            if (one.service, _name(one.release)) in self._reported_gone:
                continue
            if any(
                one.service in held.wanted_by
                or one.service in wanted.get(_key(one.release, held.kept.endpoint), frozenset())
                for held in self._everywhere(one.release)
            ):
                continue
            for endpoint in self._around:
                self._take(one.release, endpoint)
            # Where another service wants it, it stays: this one's copy is where nobody does, if there is such a place.
            places = self._everywhere(one.release)
            idle = [held for held in places if not wanted.get(_key(one.release, held.kept.endpoint))]
            for held in idle or places:
                held.wanted_by.add(one.service)

    def _everywhere(self, release: Release) -> list[_Held]:
        return [held for key, held in self._held.items() if key[:2] == _name(release)]

    def _hold(self, held: _Held) -> None:
        """Let a wanted release live, and call off its leaving."""
        release = held.kept.release
        if held.leaving is not None:
            held.leaving.cancel()
            held.leaving = None
        if held.life is None:
            _log.info(
                "%s is wanted", release.ensemble, extra={"ensemble": release.ensemble, "release": release.version}
            )
            held.life = asyncio.create_task(held.kept.run())

    async def _tell(self) -> None:
        """Report what came of each release to every service that wants it, once."""
        for want in self._wanted:
            keys = [_key(want.release, endpoint) for endpoint in self._tritons.homes(want.endpoints)]
            homes = [self._held[key] for key in keys if key in self._held]
            # What is being unloaded was heard once, and is not there for whoever asks for it again meanwhile.
            if len(homes) == len(keys) and not any(held.gone for held in homes):
                await self._tell_one(want, came_of([held.kept for held in homes], self._amiss(want), want.ready))

    def _amiss(self, want: Wanted) -> Failed | None:
        """Return what is wrong with the endpoints that a release names, always with the time at which it was found."""
        why = self._tritons.unknown(want.release, want.endpoints)
        if why and why not in self._nowhere:
            _log.error("%s", why, extra={"ensemble": want.release.ensemble, "release": want.release.version})
            self._nowhere[why] = Failed(why, True, time.time_ns() // 1_000_000)
        return self._nowhere[why] if why else None

    async def _tell_one(self, want: Wanted, came: Heard | Failed | None) -> None:
        service, rollout, ensemble = want.service, want.rollout, want.release.ensemble
        if isinstance(came, Failed):
            incident = rollout or _incident(service, came.at_ms)
            if (service, "failed", incident, ensemble) not in self._told:
                await self._reports.failed(
                    service, incident, ensemble, rollout=rollout, unknown=came.unknown, reason=came.reason
                )
                self._told.add((service, "failed", incident, ensemble))
        elif came is not None and rollout and (service, "ready", rollout, ensemble) not in self._told:
            await self._reports.ready(
                service, rollout, ensemble, load_s=came.load_s, latency_s=came.latency_s, audio_s=came.audio_s
            )
            self._told.add((service, "ready", rollout, ensemble))

    async def _leave(self, key: _Key, held: _Held) -> None:
        """
        Let the last utterances end, then unload the release and report it.

        The unloading itself then waits for the inferences that are still at work, with a limit of its own: those of
        copies that nobody hears are not counted before.
        """
        release, why = held.kept.release, ""
        held.drains = held.was_up
        if held.drains:
            why = await self._draining.drained(release.ensemble, held.wanted_by, held.news)
        # What is loading cannot be unloaded, and would be loaded in the end with nobody to unload it.
        async with held.kept.loading:
            held.gone = True
            if held.life is not None:
                held.life.cancel()
        await _until_done(lambda: self._unload(key))
        held.unloaded = True
        self._forget_probes(held)
        told = {"ensemble": release.ensemble, "endpoint": key[-1]}
        _log.info("%s is unloaded: %s", release.ensemble, why or "it was never up", extra=told)
        if held.drains:
            at_ms = time.time_ns() // 1_000_000
            for service in sorted(held.wanted_by):
                if self._is_elsewhere(held, service):
                    continue
                incident = _incident(service, at_ms)
                await _until_done(partial(self._reports.unloaded, service, incident, release.ensemble, reason=why))
                self._reported_gone.add((service, _name(release)))
        del self._held[key]
        self._awake.set()

    async def _unload(self, key: _Key) -> None:
        ensemble, _, endpoint = key
        if not any(held.wants for held in self._on(endpoint) if held.kept.release.ensemble == ensemble):
            await self._tritons.by_endpoint[endpoint].unload(ensemble)

    def _is_elsewhere(self, held: _Held, service: str) -> bool:
        """Say whether a service's release is still loaded on another endpoint; who unloads it last reports it."""
        return any(
            service in other.wanted_by and not other.unloaded and (other.wants or other.drains)
            for other in self._everywhere(held.kept.release)
            if other is not held
        )

    def _on(self, endpoint: str) -> list[_Held]:
        return [held for key, held in self._held.items() if key[-1] == endpoint]

    def _probed(self, kept: Kept, probe: Probe | None) -> None:
        held = self._held.get(_key(kept.release, kept.endpoint))
        for service in held.wants if held else ():
            labels = (kept.release.ensemble, kept.release.version, service, kept.endpoint)
            PROBE_UP.labels(*labels).set(probe is not None)
            if probe is not None:
                PROBE_SECONDS.labels(*labels).observe(probe.latency_s)

    def _forget_probes(self, held: _Held) -> None:
        """Take the series away: an unloaded release is neither up nor down."""
        for service in held.wanted_by:
            labels = (held.kept.release.ensemble, held.kept.release.version, service, held.kept.endpoint)
            for metric in (PROBE_UP, PROBE_SECONDS):
                with suppress(KeyError):
                    metric.remove(*labels)

    def _others_silent(self, kept: Kept) -> bool:
        others = [held.kept for held in self._on(kept.endpoint) if held.kept is not kept and held.kept.heard]
        return bool(others) and all(other.silent_for > 0 for other in others)


def _key(release: Release, endpoint: str) -> _Key:
    return *_name(release), endpoint


def _name(release: Release) -> _Name:
    return release.ensemble, release.digest


def _incident(service: str, at_ms: int) -> str:
    """Name what happened to a service's release outside of any rollout; another service's word is another message."""
    return f"{service}-{at_ms}"


async def _until_done(step: Callable[[], Awaitable[None]]) -> None:
    """Take a step again and again until it succeeds."""
    delays = delays_s(0.5, 5.0)
    while True:
        try:
            return await step()
        except SegueError as error:
            _log.warning("a release is not unloaded yet: %s", error)
        await asyncio.sleep(next(delays))
