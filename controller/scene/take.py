"""A scene as a whole: every kind of trace in turn, then the manifest; what is not to be had is said there."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.core.errors import Unavailable
from controller.journal.scenes import TakenBack
from controller.journal.store import Store
from controller.scene.draft import Draft
from controller.scene.history import keep_history
from controller.scene.manifest import Manifest, read_manifest


@dataclass(frozen=True, slots=True)
class Around:
    """Which time a scene is about: span_s seconds before the rollback at most, and after_s after it."""

    span_s: float
    after_s: float

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


async def take(store: Store, root: Path, rollout: TakenBack, around: Around) -> Scene:
    """
    Return the scene of a rollout that was taken back; put it together unless it stands in root already.

    Raises Unavailable when root cannot be written or the database is away, Broken when the journal cannot be read.
    """
    place = root / rollout.rollout
    if not place.is_dir():
        try:
            draft = Draft(root, rollout.rollout)
        except OSError as error:
            raise Unavailable(f"no scene can be kept in {root}: {error.strerror}; see SEGUE_SCENES") from error
        with draft:
            from_ms, until_ms = around.range_ms(rollout)
            rollback = await keep_history(draft, store, rollout, until_ms)
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
    return Scene(place, *read_manifest(place))
