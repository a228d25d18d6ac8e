"""
What is left of a rollout that was taken back is kept, in one folder each, and the journal is told where.

Level-triggered and behind everything that matters: each sweep looks for rollouts that were taken back a while ago and
have no scene that the journal knows of. A crash anywhere leaves either no folder, or a whole one that the next sweep
reports. Two of these functions make one scene: whose folder gets its name first is kept, and both report it by one id.
"""

import logging
import time
from pathlib import Path
from typing import Final

from consumers.metrics import SCENES
from consumers.producing import producer
from consumers.signalling import Signals
from consumers.waiting import pause
from consumers.worker import Worker
from controller.core.errors import SegueError, Unavailable
from controller.journal.scenes import TakenBack, unkept
from controller.scene.take import Around, Scene, take
from controller.wire.messages import MessageType
from controller.wire.topics import Topic

_SWEEP_S: Final = 2.0
_DAY_MS: Final = 24 * 3_600 * 1000

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
    async with producer(worker.settings) as kafka:
        keeper = _Keeper(worker, Signals(kafka, worker.topic(Topic.SIGNALS), "segue/scenes"))
        while True:
            await keeper.sweep()
            worker.ready_when(lambda: "")
            if await pause(worker.stopping, _SWEEP_S):
                return


class _Keeper:
    def __init__(self, worker: Worker, signals: Signals) -> None:
        self._worker = worker
        self._signals = signals
        self._root = Path(worker.settings.scenes)
        self._around = Around(worker.settings.scene_span_s, worker.settings.scene_after_s)
        # Told, perhaps not decided yet; or broken, and not to be tried again by this process.
        self._settled: set[str] = set()

    async def sweep(self) -> None:
        """Keep what is to be kept."""
        settings, now_ms = self._worker.settings, time.time_ns() // 1_000_000
        # What is taken back is over when routers and the drain have had their say.
        late_ms = now_ms - round(settings.scene_after_s * 1000)
        for one in await unkept(self._worker.store, now_ms - settings.scene_keep_days * _DAY_MS, late_ms):
            if one.rollout not in self._settled:
                await self._keep(one)
                self._settled.add(one.rollout)

    async def _keep(self, rollout: TakenBack) -> None:
        try:
            scene = await take(self._worker.store, self._root, rollout, self._around)
        except Unavailable:
            raise
        except SegueError as error:
            SCENES.labels("failed").inc()
            said = {"service": rollout.service, "rollout": rollout.rollout}
            _log.error("the scene of %s cannot be kept: %s", rollout.rollout, error, extra=said)
            return
        await self._tell_kept(rollout, scene)

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
        SCENES.labels("kept").inc()
        said = {"service": rollout.service, "rollout": rollout.rollout}
        _log.info("the scene of %s is kept in %s", rollout.rollout, scene.place, extra=said)
