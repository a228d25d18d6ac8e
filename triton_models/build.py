"""
Build a release: content-hashed stages and one ensemble of its own, written into a Triton repository.

Triton's configuration belongs to a model's name, not to a version of it, so two versions of one ensemble cannot pin
different stages. Hence every release is an ensemble with a name of its own, and a stage's name carries the hash of its
content: two releases share what is equal, nothing written is ever rewritten, and a name means the same bytes for ever.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.core.errors import Broken
from controller.core.names import Release
from triton_models import descriptor
from triton_models.descriptor import Built
from triton_models.family import CONFIG, Family, read_family, render, stage_files

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}")


def build(
    family: str | Path,
    version: str,
    *,
    repository: Path,
    build_time: datetime,
    params: Mapping[str, str] | None = None,
    voice: str | None = None,
    model: str | None = None,
) -> Release:
    """
    Write a release into `repository` and say what was built.

    family: a name from `families()`, or a folder. version: as its makers call it, such as "1.6.0".
    params: "stage.key" -> value, for what the family's stages let a release set. voice: a name for some of them, which
    params may still override.
    model: the release's model name, else the family's.
    Building the same again writes nothing and gives the release that is there, with its first build time.
    Raises Broken when the family, the version, the voice or a parameter is not usable.
    """
    if not _VERSION.fullmatch(version):
        raise Broken(
            f"{version!r} cannot be a version; use up to 64 letters, digits, dots, '+', '-' and '_', such as 1.6.0."
        )
    source = read_family(family)
    files = stage_files(source, {**(source.voice(voice) if voice else {}), **(params or {})})
    hashes = {stage: _hash(content) for stage, content in files.items()}
    names = {stage: f"{stage}__{digest[:12]}" for stage, digest in hashes.items()}
    ensemble = _ensemble(source, names)
    digest = _hash({CONFIG: render(ensemble)} | {stage: hashes[stage].encode() for stage in names})
    name = f"{_safe(model or source.name)}__{_safe(version)}__{digest[:8]}"

    repository.mkdir(parents=True, exist_ok=True)
    if (repository / name).exists():
        return descriptor.read(repository, name).release
    for stage, content in files.items():
        _write_once(repository / names[stage], content)
    release = Release(
        model=model or source.name,
        version=version,
        ensemble=name,
        digest=f"sha256:{digest}",
        sample_rate_hz=source.sample_rate_hz,
        token_rate_hz=source.token_rate_hz,
        build_time=build_time.astimezone(UTC).isoformat(timespec="seconds"),
    )
    built = Built(release, tuple(names.values()))
    _write_once(repository / name, {CONFIG: render(ensemble), descriptor.DESCRIPTOR: descriptor.dump(built)})
    return descriptor.read(repository, name).release


def _ensemble(family: Family, names: Mapping[str, str]) -> Any:
    """Point the family's ensemble at the stages of this release."""
    ensemble = type(family.ensemble)()
    ensemble.CopyFrom(family.ensemble)
    for step in ensemble.ensemble_scheduling.step:
        step.model_name = names[step.model_name]
    return ensemble


def _hash(files: Mapping[str, bytes]) -> str:
    """Hash names and contents; each is preceded by its length, so no two sets of files run into one another."""
    whole = hashlib.sha256()
    for path in sorted(files):
        for part in (path.encode(), files[path]):
            whole.update(len(part).to_bytes(8, "big"))
            whole.update(part)
    return whole.hexdigest()


def _write_once(folder: Path, files: Mapping[str, bytes]) -> None:
    """
    Write a model's folder in one step: whole under its name, or not at all.

    A folder that is there already holds the same content, for its name carries the hash of it.
    """
    if folder.exists():
        return
    # Outside the names Triton loads, and on the same file system, so that the rename is atomic.
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        (draft / "1").mkdir()
        for path, content in files.items():
            target = draft / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        draft.chmod(0o755)
        os.rename(draft, folder)
    except OSError:
        # Another build of the same content came first: its folder is as good as ours.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _safe(name: str) -> str:
    """A name that Triton, file systems and metric labels all take as it is."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
