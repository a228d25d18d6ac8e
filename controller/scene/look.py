"""A scene as it is found: what the journal says of it, where it stands now, and whether it is what was kept."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from controller.core.errors import Broken
from controller.core.events import SceneDropped, SceneKept
from controller.journal.search import Search, found
from controller.journal.store import Store
from controller.scene.manifest import NAME, Amiss, Manifest, amiss, read_manifest

_TYPES: Final = (SceneKept.__name__, SceneDropped.__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """
    A scene as the journal knows it; times in milliseconds since 1970.

    fact: that says it is kept, such as hibari/43. dropped_ms, dropped_because: None and "" while it is kept.
    """

    service: str
    rollout: str
    fact: str
    kept_ms: int
    place: str
    manifest_sha256: str
    size_bytes: int
    dropped_ms: int | None = None
    dropped_because: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A scene in a folder. amiss: what there is not as it was kept."""

    known: Known
    place: Path
    manifest: Manifest
    amiss: tuple[Amiss, ...]


async def known_scenes(store: Store, rollout: str | None = None) -> list[Known]:
    """Return the scenes that the journal knows, of all rollouts or of one, in the order in which they were kept."""
    known: dict[str, Known] = {}
    async for one in found(store, Search(rollout=rollout, types=_TYPES)):
        match one.fact.event:
            case SceneKept(rollout=name) as kept:
                known[name] = Known(
                    one.stream, name, one.id, one.at_ms, kept.place, kept.manifest_sha256, kept.size_bytes
                )
            case SceneDropped(rollout=name, reason=why) if name in known:
                known[name] = replace(known[name], dropped_ms=one.at_ms, dropped_because=why)
    return list(known.values())


def look(known: Known, place: Path) -> Found:
    """
    Hold the scene in a folder against the journal's word, and each of its files against its manifest.

    Raises Broken when there is none.
    """
    manifest, digest = read_manifest(place)
    wrong = list(amiss(place, manifest))
    if digest != known.manifest_sha256:
        said = f"its SHA-256 is {digest}, and {known.manifest_sha256} by fact {known.fact}"
        wrong.insert(0, Amiss(NAME, said))
    if manifest.rollout != known.rollout:
        raise Broken(f"{place} holds the scene of {manifest.rollout}, not of {known.rollout}")
    return Found(known, place, manifest, tuple(wrong))
