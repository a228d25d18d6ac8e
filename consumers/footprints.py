"""Whose memory is asked for: what the journal and Triton know of both releases, for `controller/observe/footprint`."""

from consumers.gates import Case
from consumers.tritons import Tritons
from controller.core.errors import SegueError
from controller.core.readings import Footprint
from controller.journal import Store, views
from controller.observe.footprint import Load, Loaded, footprint
from controller.observe.golden import Speaker
from controller.outside.series import Prometheus


class Footprints:
    """Reads the memory that both releases of a rollout take."""

    def __init__(self, store: Store, prometheus: Prometheus | None, tritons: Tritons) -> None:
        self._store = store
        self._prometheus = prometheus
        self._tritons = tritons
        self._loads: dict[tuple[str, str], Load] = {}

    async def look(self) -> None:
        """Read from the journal what was loaded when, once for all that is read after it."""
        self._loads = {(one.service, one.digest): _load(one) for one in await views.loads(self._store)}

    async def read(self, case: Case, *, timeout_s: float) -> Footprint | None:
        """Return it at the end of the case's window; None when nobody knows. Raises SegueError when asking fails."""
        if self._prometheus is None or case.rollout.from_release is None:
            return None
        loads = self._loads

        async def loaded(one: Speaker) -> Loaded:
            return Loaded(await _stages(one), loads.get((case.service, one.release.digest)))

        candidate, stable = case.speakers(self._tritons)
        return await footprint(
            self._prometheus,
            await loaded(candidate),
            await loaded(stable),
            tuple(loads.values()),
            case.end_ms,
            timeout_s=timeout_s,
        )


async def _stages(one: Speaker) -> tuple[str, ...]:
    """Name a release's stages, as the first of its endpoints that answers has them: they are the same on each."""
    silent: SegueError | None = None
    for triton in one.homes.values():
        try:
            return await triton.stages(one.release.ensemble)
        except SegueError as error:
            silent = error
    if silent is not None:
        raise silent
    return ()


def _load(one: views.Load) -> Load:
    return Load(one.digest, one.began_at, one.ready_at, -1 if one.unloaded_at is None else one.unloaded_at)
