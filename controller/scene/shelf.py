"""The folder of all scenes: which are older than they are kept, and drafts that a crash left behind."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from controller.core.errors import Broken
from controller.scene.manifest import Manifest, read_manifest
from controller.scene.probes import FOLDER

_log = logging.getLogger(__name__)


def older(root: Path, before_ms: int) -> Iterator[tuple[Path, Manifest]]:
    """
    Yield the scenes of rollbacks before a time, milliseconds since 1970.

    What is no scene, or one that cannot be read, is nobody's to be removed here.
    """
    for place in sorted(root.iterdir()) if root.is_dir() else ():
        if place.name.startswith(".") or not place.is_dir():
            continue
        try:
            manifest, _ = read_manifest(place)
        except Broken as error:
            _log.warning("%s is left alone: %s", place, error)
            continue
        if manifest.ended_ms < before_ms and manifest.rollout == place.name:
            yield place, manifest


def remove(place: Path) -> None:
    """Take a scene away: its name first, so that no half of it is ever found under it; raises OSError."""
    going = place.with_name(f".{place.name}.going")
    place.rename(going)
    shutil.rmtree(going)


def tidy(root: Path, before_s: float) -> None:
    """Take away what was begun before a time, seconds since 1970, and never finished or never wholly removed."""
    for left in root.glob(".*") if root.is_dir() else ():
        if left.name != FOLDER and left.is_dir() and left.stat().st_mtime < before_s:
            shutil.rmtree(left, ignore_errors=True)
