"""Whose memory is asked for: what the journal and Triton know of both releases, for `controller/observe/footprint`."""

from consumers.gates import Case
from controller.core.names import Release
from controller.core.readings import Footprint
from controller.journal import Store, views
from controller.observe.footprint import Load, Loaded, footprint
from controller.outside.series import Prometheus
from controller.outside.triton import Triton


class Footprints:
    """Reads the memory that both releases of a rollout take."""

    def __init__(self, store: Store, prometheus: Prometheus | None, triton: Triton | None) -> None:
        self._store = store
        self._prometheus = prometheus
        self._triton = triton
        self._loads: dict[tuple[str, str], Load] = {}

    async def look(self) -> None:
        """Read from the journal what was loaded when, once for all that is read after it."""
        self._loads = {(one.service, one.digest): _load(one) for one in await views.loads(self._store)}

    async def read(self, case: Case, *, timeout_s: float) -> Footprint | None:
        """Return it at the end of the case's window; None when nobody knows. Raises SegueError when asking fails."""
        rollout = case.rollout
        if self._prometheus is None or rollout.from_release is None:
            return None
        loads = self._loads

        async def loaded(release: Release) -> Loaded:
            stages = await self._triton.stages(release.ensemble) if self._triton else ()
            return Loaded(stages, loads.get((case.service, release.digest)))

        return await footprint(
            self._prometheus,
            await loaded(rollout.release),
            await loaded(rollout.from_release),
            tuple(loads.values()),
            case.end_ms,
            timeout_s=timeout_s,
        )


def _load(one: views.Load) -> Load:
    return Load(one.digest, one.began_at, one.ready_at, -1 if one.unloaded_at is None else one.unloaded_at)
