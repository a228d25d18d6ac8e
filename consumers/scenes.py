"""
What is left of a rollout that was taken back is kept, in one folder each, and the journal is told where.

Level-triggered and behind everything that matters: each sweep looks for rollouts that were taken back a while ago and
have no scene that the journal knows of. A crash anywhere leaves either no folder, or a whole one that the next sweep
reports. Two of these functions make one scene: whose folder gets its name first is kept, and both report it by one id.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from glob import glob
from pathlib import Path
from typing import Final

from consumers.metrics import SCENES
from consumers.producing import producer
from consumers.signalling import Signals
from consumers.waiting import pause
from consumers.worker import Worker
from controller.core.errors import SegueError, Unavailable
from controller.journal.scenes import TakenBack, unkept
from controller.outside.gateways import Gateways
from controller.outside.series import Prometheus
from controller.scene.probes import Probes
from controller.scene.shelf import older, remove, tidy
from controller.scene.take import Scene, Sources, take
from controller.settings import Settings
from controller.supervise.record import read_record
from controller.tokens import VIEWER, one_of
from controller.wire.messages import MessageType
from controller.wire.topics import Topic

_SWEEP_S: Final = 2.0
_DAY_MS: Final = 24 * 3_600 * 1000
_LOOK_OVER_S: Final = 300.0
"""Between two looks at all that is kept: for what is kept too long, and for rollbacks that were decided late."""
_LATELY_MS: Final = 3_600 * 1000
"""How far back the sweeps in between look: months of rollbacks are not asked after every other second."""
_DRAFT_S: Final = 24 * 3_600.0
"""A draft that is older than this nobody finishes any more."""
_PROBES_S: Final = 30 * 24 * 3_600.0
"""A rollout that is neither over nor asked golden prompts for so long leaves a scene without them."""

_log = logging.getLogger(__name__)


async def run(worker: Worker) -> None:
    """
    Keep scenes until the worker is asked to stop; without a folder none is kept.

    Raises Unavailable when the folder cannot be written, or the database or Kafka is away.
    """
    if not worker.settings.scenes:
        worker.ready_when(lambda: "")
        await worker.stopping.wait()
        return
    worker.not_ready("it has not looked for scenes yet")
    async with AsyncExitStack() as stack:
        kafka = await stack.enter_async_context(producer(worker.settings))
        signals = Signals(kafka, worker.topic(Topic.SIGNALS), "segue/scenes")
        keeper = _Keeper(worker, signals, await _sources(worker.settings, stack))
        while True:
            await keeper.sweep()
            worker.ready_when(lambda: "")
            if await pause(worker.stopping, _SWEEP_S):
                return


async def _sources(settings: Settings, stack: AsyncExitStack) -> Sources:
    """Return where traces are to be had by the settings; what is opened for it ends with the stack."""
    url, token = settings.prometheus, one_of(settings.tokens, VIEWER)
    return Sources(
        settings.scene_span_s,
        settings.scene_after_s,
        prometheus=await stack.enter_async_context(Prometheus(url)) if url else None,
        gateways=await stack.enter_async_context(Gateways(token)) if token else None,
        addresses=tuple(_listed(settings.scene_gateways)),
        logs=partial(_log_files, settings),
        probes=Probes(Path(settings.scenes), settings.scene_audio_mib) if settings.scene_audio_mib else None,
        secrets=settings.secrets,
    )


def _log_files(settings: Settings) -> Sequence[Path]:
    """Return the log files that there are now: those that settings name, else those of the tree on the data folder."""
    if patterns := _listed(settings.scene_logs):
        return [Path(file) for pattern in patterns for file in sorted(glob(pattern, recursive=True))]
    record = read_record(settings.data)
    # What outside parts log is theirs: Triton's stages may quote what they were to speak.
    return [Path(member.log) for member in record.members if member.ready_url] if record else []


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


class _Keeper:
    def __init__(self, worker: Worker, signals: Signals, sources: Sources) -> None:
        self._worker = worker
        self._signals = signals
        self._root = Path(worker.settings.scenes)
        self._sources = sources
        # Told, perhaps not decided yet; or broken, and not to be tried again by this process.
        self._settled: set[str] = set()
        self._looked_over_s = float("-inf")

    async def sweep(self) -> None:
        """Keep what is to be kept."""
        settings, now_ms = self._worker.settings, time.time_ns() // 1_000_000
        # What is taken back is over when routers and the drain have had their say.
        late_ms = now_ms - round(settings.scene_after_s * 1000)
        oldest_ms = now_ms - settings.scene_keep_days * _DAY_MS
        since_ms = max(oldest_ms, late_ms - _LATELY_MS)
        if time.monotonic() - self._looked_over_s >= _LOOK_OVER_S:
            await self._drop_old(now_ms)
            self._looked_over_s = time.monotonic()
            since_ms = oldest_ms
        away: Unavailable | None = None
        for one in await unkept(self._worker.store, since_ms, late_ms):
            if one.rollout not in self._settled:
                away = await self._keep(one) or away
        if away is not None:
            raise away

    async def _drop_old(self, now_ms: int) -> None:
        """Let go of what is older than it is to be kept; the journal learns of it first, so none just vanishes."""
        days = self._worker.settings.scene_keep_days
        for place, manifest in older(self._root, now_ms - days * _DAY_MS):
            why = f"it is older than {days} days"
            data = {"rollout": manifest.rollout, "place": str(place), "reason": why}
            await self._signals.send(MessageType.DROPPED, f"dropped/{manifest.rollout}", manifest.service, data)
            try:
                remove(place)
            except OSError as error:
                raise Unavailable(f"{place} cannot be removed: {error.strerror}; see SEGUE_SCENES") from error
            SCENES.labels("dropped").inc()
            said = {"service": manifest.service, "rollout": manifest.rollout}
            _log.info("the scene of %s is dropped: %s", manifest.rollout, why, extra=said)
        tidy(self._root, time.time() - _DRAFT_S)
        if self._sources.probes is not None:
            self._sources.probes.tidy(time.time() - _PROBES_S)

    async def _keep(self, rollout: TakenBack) -> Unavailable | None:
        """Keep one scene, or return why it is to be tried again; whatever is wrong with it, others have their turn."""
        said = {"service": rollout.service, "rollout": rollout.rollout}
        try:
            scene = await take(self._worker.store, self._root, rollout, self._sources)
        except Unavailable as error:
            return error
        except SegueError as error:
            SCENES.labels("failed").inc()
            _log.error("the scene of %s cannot be kept: %s", rollout.rollout, error, extra=said)
        except Exception:
            SCENES.labels("failed").inc()
            _log.exception("the scene of %s cannot be kept", rollout.rollout, extra=said)
        else:
            await self._tell_kept(rollout, scene)
        self._settled.add(rollout.rollout)
        return None

    async def _tell_kept(self, rollout: TakenBack, scene: Scene) -> None:
        manifest = scene.manifest
        data = {
            "rollout": rollout.rollout,
            "place": str(scene.place),
            "manifest_sha256": scene.manifest_sha256,
            "size_bytes": scene.size_bytes,
            "reason": f"release {manifest.release} was taken back ({manifest.trigger.replace('_', ' ')})",
        }
        await self._signals.send(MessageType.KEPT, f"kept/{rollout.rollout}", rollout.service, data)
        if self._sources.probes is not None:
            self._sources.probes.forget(rollout.rollout)
        SCENES.labels("kept").inc()
        said = {"service": rollout.service, "rollout": rollout.rollout}
        _log.info("the scene of %s is kept in %s", rollout.rollout, scene.place, extra=said)
