"""A scene that is being put together, under a name that nobody takes for a whole one until it is complete."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.core.errors import Unavailable
from controller.scene.manifest import NAME, KeptFile, Manifest, Missing


class Writing:
    """One file of a scene, with its digest taken as it is written."""

    def __init__(self, path: Path) -> None:
        """path: of a file that is not there yet."""
        self._file = path.open("xb")
        self._digest = sha256()
        self.size_bytes = 0
        self.lines = 0

    def write(self, content: bytes) -> None:
        """Add some bytes."""
        self._file.write(content)
        self._digest.update(content)
        self.size_bytes += len(content)

    def line(self, text: str) -> None:
        """Add a line."""
        self.write(f"{text}\n".encode())
        self.lines += 1

    def close(self) -> str:
        """Let the disk have it, and return its SHA-256 in hex."""
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        return self._digest.hexdigest()


class Draft:
    """
    A scene in the making; what is not finished when the block ends is thrown away.

    files, missing: what it holds so far, and what it does not.
    """

    def __init__(self, root: Path, rollout: str) -> None:
        """root: the folder of all scenes; it is made when it is not there. Raises OSError."""
        root.mkdir(parents=True, exist_ok=True)
        self._place = root / rollout
        self._making = Path(tempfile.mkdtemp(prefix=f".{rollout}.", dir=root))
        self.files: list[KeptFile] = []
        self.missing: list[Missing] = []

    @contextmanager
    def file(self, name: str, holds: str) -> Iterator[Writing]:
        """Add a file by its path in the folder; one in which nothing was written is left out."""
        path = self._making / name
        path.parent.mkdir(exist_ok=True)
        writing = Writing(path)
        try:
            yield writing
        finally:
            digest = writing.close()
        if writing.size_bytes:
            self.files.append(KeptFile(name, holds, writing.size_bytes, digest, writing.lines))
        else:
            path.unlink()

    def lacks(self, what: str, why: str) -> None:
        """Say that something is missing, or not all there."""
        self.missing.append(Missing(what, why))

    def finish(self, manifest: Manifest) -> Path:
        """
        Write the manifest, let the folder have its name, and return it.

        When somebody else was first, theirs stays, and this draft goes.
        """
        with self.file(NAME, "") as written:
            written.write(manifest.text())
        # Its mode is that of other folders: mkdtemp lets nobody else in, and auditors must read it.
        self._making.chmod(0o750)
        try:
            self._making.rename(self._place)
        except OSError:
            if not self._place.is_dir():
                raise
        _sync(self._place)
        _sync(self._place.parent)
        return self._place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self._making, ignore_errors=True)
        if isinstance(error, OSError):
            raise Unavailable(
                f"the scene of {self._place.name} cannot be kept in {self._place.parent}: {error.strerror}"
            ) from error


def _sync(folder: Path) -> None:
    """Let the disk have what a folder names: the journal is about to refer to it."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
