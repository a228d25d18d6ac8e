"""What a scene's folder says of itself: which rollout, how it ended, each file with its digest, and what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

from controller.core.errors import Broken
from controller.wire.shape import plain, shaped
from controller.wire.strict import canonical, parse_object

NAME: Final = "manifest.json"
_LIMIT_BYTES: Final = 1024 * 1024
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a scene, by its path in the folder. holds: what of. sha256: in hex. lines: 0 where there are none."""

    name: str
    holds: str
    size_bytes: int
    sha256: str
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a scene should hold and does not, or not all of it, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    The content of `manifest.json`; times in milliseconds since 1970 UTC.

    fact: of the rollback, such as hibari/40. kind: abort or revert. from_ms, until_ms: what the traces are about.
    """

    service: str
    rollout: str
    release: str
    digest: str
    back_to: str
    fact: str
    kind: str
    trigger: str
    actor: str
    reason: str
    guilty: tuple[str, ...]
    started_ms: int
    ended_ms: int
    from_ms: int
    until_ms: int
    made_ms: int
    files: tuple[KeptFile, ...]
    missing: tuple[Missing, ...] = ()
    schema: int = 1

    def __post_init__(self) -> None:
        for name in ("started_ms", "ended_ms", "from_ms", "until_ms", "made_ms"):
            if not 0 <= (at_ms := getattr(self, name)) <= _LAST_MS:
                raise ValueError(f"{name} is {at_ms}; allowed: milliseconds since 1970, up to the year 9999")

    @property
    def size_bytes(self) -> int:
        """Return how large all its files are together, itself aside."""
        return sum(one.size_bytes for one in self.files)

    def text(self) -> bytes:
        """Return it as it is written."""
        return canonical(plain(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Amiss:
    """A file that is not what the manifest says, or the manifest itself: its name, and what is wrong with it."""

    name: str
    what: str


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """
    Return a scene's manifest and its SHA-256, in hex.

    Raises Broken when it cannot be read; Malformed, which is one, when it is no manifest.
    """
    try:
        text = (folder / NAME).read_bytes()
    except OSError as error:
        raise Broken(f"{folder} holds no scene that can be read: {NAME}: {error.strerror}") from error
    return shaped(Manifest, parse_object(text, str(folder / NAME), _LIMIT_BYTES), NAME), sha256(text).hexdigest()


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hex; raises OSError."""
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def amiss(folder: Path, manifest: Manifest) -> Iterator[Amiss]:
    """Yield what in a scene's folder is not as its manifest says: what was changed, removed or added since."""
    for one in manifest.files:
        file = folder / one.name
        if not file.resolve().is_relative_to(folder.resolve()):
            yield Amiss(one.name, "it leads out of the folder")
            continue
        try:
            found = digest_of(file)
        except OSError as error:
            yield Amiss(one.name, f"it cannot be read: {error.strerror}")
            continue
        if found != one.sha256:
            yield Amiss(one.name, f"its SHA-256 is {found}, and was {one.sha256} when the scene was kept")
    known = {NAME, *(one.name for one in manifest.files)}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and (name := file.relative_to(folder).as_posix()) not in known:
            yield Amiss(name, "the manifest does not know it: it was added later")
