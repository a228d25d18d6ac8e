"""A scene as a whole: every kind of trace in turn, then the manifest; what is not to be had is said there."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.core.errors import Broken, SegueError, Unavailable
from controller.journal.scenes import TakenBack
from controller.journal.store import Store
from controller.log import iso
from controller.outside.gateways import Gateways
from controller.outside.series import Prometheus
from controller.scene.draft import Draft
from controller.scene.failed import keep_failures, where_gateways_are
from controller.scene.history import Rollback, keep_history
from controller.scene.logs import keep_logs
from controller.scene.manifest import Manifest, read_manifest
from controller.scene.measured import keep_metrics
from controller.scene.probes import Probes, keep_audio


@dataclass(frozen=True, slots=True)
class Sources:
    """
    Where traces are to be had, and of which time: span_s seconds before the rollback at most, and after_s after it.

    prometheus, gateways: None where nobody says. addresses: of gateways, host:port each, or "prometheus" for those that
    it reads; no others are asked. logs: returns the files that there are now. probes: what releases said to golden
    prompts, None where that is not kept. secrets: what no file may hold.
    """

    span_s: float
    after_s: float
    prometheus: Prometheus | None = None
    gateways: Gateways | None = None
    addresses: tuple[str, ...] = ()
    logs: Callable[[], Sequence[Path]] = tuple
    probes: Probes | None = None
    secrets: tuple[str, ...] = ()

    def range_ms(self, rollout: TakenBack) -> tuple[int, int]:
        """Return from when to when, in milliseconds since 1970."""
        from_ms = max(rollout.started_at, rollout.ended_at - round(self.span_s * 1000))
        return from_ms, rollout.ended_at + round(self.after_s * 1000)


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene that is kept. manifest_sha256: of the manifest, in hex. size_bytes: of all files."""

    place: Path
    manifest: Manifest
    manifest_sha256: str

    @property
    def size_bytes(self) -> int:
        """Return how large all its files are together, the manifest among them."""
        return self.manifest.size_bytes + len(self.manifest.text())


async def take(store: Store, root: Path, rollout: TakenBack, sources: Sources) -> Scene:
    """
    Return the scene of a rollout that was taken back; put it together unless it stands in root already.

    Raises Unavailable when root cannot be written or the database is away, Broken when the journal cannot be read, or
    when root has the scene of another rollout of that name, from a history before this one.
    """
    place = root / rollout.rollout
    if not place.is_dir():
        try:
            draft = Draft(root, rollout.rollout)
        except OSError as error:
            raise Unavailable(f"no scene can be kept in {root}: {error.strerror}; see SEGUE_SCENES") from error
        with draft:
            from_ms, until_ms = sources.range_ms(rollout)
            rollback = await keep_history(draft, store, rollout, until_ms)
            await _keep_traces(draft, sources, rollout, rollback)
            manifest = Manifest(
                **asdict(rollback),
                service=rollout.service,
                rollout=rollout.rollout,
                started_ms=rollout.started_at,
                ended_ms=rollout.ended_at,
                from_ms=from_ms,
                until_ms=until_ms,
                made_ms=time.time_ns() // 1_000_000,
                files=tuple(draft.files),
                missing=tuple(draft.missing),
            )
            draft.finish(manifest)
    manifest, digest = read_manifest(place)
    if (manifest.started_ms, manifest.ended_ms) != (rollout.started_at, rollout.ended_at):
        was = iso(manifest.ended_ms / 1000)
        raise Broken(f"{place} holds the scene of a rollout of that name that ended at {was}; move it elsewhere")
    return Scene(place, manifest, digest)


async def _keep_traces(draft: Draft, sources: Sources, rollout: TakenBack, rollback: Rollback) -> None:
    """Write what others than the journal have, as far as they answer."""
    service, (from_ms, until_ms) = rollout.service, sources.range_ms(rollout)
    await keep_metrics(draft, sources.prometheus, service, from_ms, until_ms)
    try:
        addresses = await where_gateways_are(sources.addresses, sources.prometheus, service, from_ms, until_ms)
    except SegueError as error:
        draft.lacks("failed requests", f"nobody says where the gateways are: {error}")
    else:
        releases = tuple(filter(None, (rollback.release, rollback.back_to)))
        await keep_failures(draft, sources.gateways, addresses, service, releases, (from_ms, until_ms))
    keep_audio(draft, sources.probes, rollout.rollout)
    # Logs can be long, and this process has others to answer meanwhile.
    await asyncio.to_thread(keep_logs, draft, sources.logs(), service, (from_ms, until_ms), sources.secrets)
