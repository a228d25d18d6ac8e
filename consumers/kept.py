"""
One release's life on one Triton: loaded, heard, listened to, healed when it falls silent, loaded again when it is gone.

A release is only ever blamed for what is its own. While Triton itself does not answer there is no verdict: it is tried
again until it answers, and a candidate's readiness deadline decides meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumers.metrics import HEALS, LOAD_SECONDS
from consumers.waiting import delays_s
from controller.core.errors import Broken, SegueError, Unavailable
from controller.core.names import Release
from controller.outside.triton import Probe, Triton
from triton_models import descriptor

_SILENT_AFTER: Final = 3
"""Failed probes in a row after which a release is acted upon."""

_SOUND_AGAIN_AFTER: Final = 10
"""Good probes in a row after which a release that was healed may be healed again; before that it counts as failed."""

_RETRY_FAILED_S: Final = 10.0
_LISTEN_TIMEOUT_S: Final = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A release came up: how long it took to load and to speak, and how much it said, all in seconds."""

    load_s: float
    latency_s: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A release could not be brought up (`unknown`: there is none of that name), or fell silent, at `at_ms`."""

    reason: str
    unknown: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    What all releases kept on one Triton share.

    endpoint: its name. loads: how many may load at once, for a load takes the processor from those who speak.
    probed: told of every probe's outcome, None when it failed. changed: told when `heard` or `failed` changed.
    all_silent: says whether every other release loaded there fails its probes too.
    """

    endpoint: str
    triton: Triton
    repository: Path
    loads: asyncio.Semaphore
    probe_every_s: float
    first_timeout_s: float
    probed: Callable[["Kept", Probe | None], None]
    changed: Callable[[], None]
    all_silent: Callable[["Kept"], bool]


class Kept:
    """
    A release that is to be loaded on one Triton.

    `heard` or `failed` says what came of it, neither while it is coming up; `was_heard`, whether it ever spoke.
    loading: held while Triton loads it, which Triton does to the end, whoever waits for it.
    """

    def __init__(self, release: Release, around: Surroundings) -> None:
        self.release = release
        self.heard: Heard | None = None
        self.failed: Failed | None = None
        self.was_heard = False
        self.silent_for = 0
        self.loading = asyncio.Lock()
        self._around = around
        self._triton = around.triton
        self._sound_for = _SOUND_AGAIN_AFTER

    @property
    def endpoint(self) -> str:
        """The name of the Triton that it is to be loaded on."""
        return self._around.endpoint

    async def run(self) -> None:
        """Keep the release loaded and listen to it, for ever."""
        while True:
            await self._bring_up()
            if self.heard is not None:
                await self._listen()
            if self.failed is not None:
                await asyncio.sleep(_RETRY_FAILED_S)

    async def _bring_up(self) -> None:
        delays = delays_s(0.2, 2.0)
        while True:
            try:
                return self._came_up(await self._load_and_hear())
            except Unavailable as error:
                _log.warning("%s is not up yet: %s", self.release.ensemble, error, extra=self._extra())
            except Broken as error:
                return self._fail(str(error), unknown=not self._is_built())
            await asyncio.sleep(next(delays))

    async def _load_and_hear(self) -> Heard:
        ensemble = self.release.ensemble
        await asyncio.to_thread(_check_built, self._around.repository, self.release)
        async with self._around.loads, self.loading:
            began = time.perf_counter()
            await self._triton.load(ensemble)
            load_s = time.perf_counter() - began
            try:
                probe = await self._probe(self._around.first_timeout_s)
            except Broken:
                # It may have been loaded before we came, with a stage that died since; loading that does nothing.
                await self._triton.reload(ensemble)
                probe = await self._probe(self._around.first_timeout_s)
        LOAD_SECONDS.labels(ensemble, self.release.version, self._around.endpoint).set(load_s)
        return Heard(load_s, probe.latency_s, probe.sound.audio_s)

    async def _listen(self) -> None:
        """Probe again and again. Returns when the release has to be brought up anew, or has failed."""
        while True:
            await asyncio.sleep(self._around.probe_every_s)
            try:
                await self._probe(_LISTEN_TIMEOUT_S)
                self._sound_for += 1
                continue
            except SegueError as error:
                said, timed_out = str(error), isinstance(error, Unavailable)
            try:
                loaded = self.release.ensemble in await self._triton.loaded()
            except Unavailable:
                self.silent_for = 0
                continue
            if not loaded:
                _log.warning("%s is not loaded any more", self.release.ensemble, extra=self._extra())
                self.heard = None
                return None
            if self.silent_for < _SILENT_AFTER or (timed_out and self._around.all_silent(self)):
                continue
            if not await self._healed():
                return self._fail(f"it failed {self.silent_for} probes in a row: {said}", unknown=False)

    async def _healed(self) -> bool:
        """Reload the release, once per spell of silence, and say whether it speaks again."""
        if self._sound_for < _SOUND_AGAIN_AFTER:
            return False
        self._sound_for = 0
        HEALS.labels(self.release.ensemble, self.release.version, self._around.endpoint).inc()
        # A stage that another release shares is restarted only when that release is silent too.
        for shared in (False, True) if self._around.all_silent(self) else (False,):
            _log.warning(
                "%s fell silent and is reloaded", self.release.ensemble, extra=self._extra() | {"shared": shared}
            )
            try:
                async with self._around.loads, self.loading:
                    await self._triton.reload(self.release.ensemble, shared=shared)
                await self._probe(self._around.first_timeout_s)
                return True
            except SegueError as error:
                _log.warning("%s is silent still: %s", self.release.ensemble, error, extra=self._extra())
        return False

    async def _probe(self, timeout_s: float) -> Probe:
        try:
            probe = await self._triton.probe(
                self.release.ensemble, timeout_s=timeout_s, sample_rate_hz=self.release.sample_rate_hz
            )
        except SegueError:
            self.silent_for += 1
            self._around.probed(self, None)
            raise
        self.silent_for = 0
        self._around.probed(self, probe)
        return probe

    def _came_up(self, heard: Heard) -> None:
        self.heard, self.failed, self.was_heard = heard, None, True
        _log.info("%s is loaded and spoke", self.release.ensemble, extra=self._extra() | {"load_s": heard.load_s})
        self._around.changed()

    def _fail(self, reason: str, *, unknown: bool) -> None:
        first = self.failed is None
        self.heard = None
        if first:
            self.failed = Failed(reason, unknown, time.time_ns() // 1_000_000)
            _log.error("%s failed: %s", self.release.ensemble, reason, extra=self._extra())
            self._around.changed()

    def _is_built(self) -> bool:
        return (self._around.repository / self.release.ensemble / descriptor.DESCRIPTOR).exists()

    def _extra(self) -> dict[str, object]:
        return {"ensemble": self.release.ensemble, "release": self.release.version, "endpoint": self._around.endpoint}


def _check_built(repository: Path, release: Release) -> None:
    """Raise Broken unless the repository holds exactly this release."""
    built = descriptor.read(repository, release.ensemble).release
    if built.digest != release.digest:
        raise Broken(
            f"{release.ensemble} in {repository} has the digest {built.digest}, not {release.digest} as requested; "
            "publish the request with the descriptor of the build that is meant"
        )
