"""
Disks that run full: a small file system of its own, in a file, for whoever's data it is.

Only root may mount, so other people's runs are without. The mounts are seen by this process and its children alone
(`unshare --mount`, see `__main__`): nothing is left of them, however the run ends.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.chaos.real.stack import Stack
from tests.chaos.real.strikes import wait

_FULL_S: Final = 3.0
_OWN_MOUNTS: Final = "SEGUE_CHAOS_MOUNTS"


def may_mount() -> bool:
    """Say whether this process has mounts of its own."""
    return _OWN_MOUNTS in os.environ


def with_own_mounts(argv: list[str]) -> None:
    """Become the same program with mounts of its own, if that is allowed and not yet so."""
    if os.geteuid() == 0 and not may_mount() and shutil.which("unshare"):
        os.environ[_OWN_MOUNTS] = "1"
        os.execvp("unshare", ["unshare", "--mount", *argv])  # noqa: S606  # this program itself


@contextmanager
def disk(folder: Path, size_mib: int) -> Iterator[None]:
    """Mount an empty disk at a folder, which keeps its owner and mode, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    before = folder.stat()
    image = folder.with_name(f"{folder.name}.disk")
    with image.open("wb") as file:
        file.truncate(size_mib * 2**20)
    _run("mkfs.ext4", "-q", "-m", "0", "-F", str(image))
    _run("mount", "-o", "loop", str(image), str(folder))
    try:
        (folder / "lost+found").rmdir()
        os.chown(folder, before.st_uid, before.st_gid)
        folder.chmod(before.st_mode & 0o7777)
        yield
    finally:
        _run("umount", "--lazy", str(folder))
        image.unlink()


@contextmanager
def full(stack: Stack, name: str) -> Iterator[None]:
    """Leave no byte on a member's disk for a while; it is over when there is room and the member is ready again."""
    filler = stack.disks[name] / "filler"
    _fill(filler)
    try:
        yield
        time.sleep(_FULL_S)
    finally:
        filler.unlink()
    if name in stack.children:
        wait(f"{name} does not come back when there is room", lambda: stack.ready(name))


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        size = os.statvfs(filler.parent).f_bavail * os.statvfs(filler.parent).f_frsize
        with suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, size)
        with suppress(OSError):
            file.seek(0, os.SEEK_END)
            while True:
                file.write(b"\0" * 512)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)
