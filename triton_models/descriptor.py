"""
The release descriptor: what `/version` shows, kept in the Triton repository next to the ensemble it describes.

`<repository>/<ensemble>/release.json` is a `Release`, plus the stages that its ensemble runs.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.core.errors import Broken, Unavailable
from controller.core.names import Release

DESCRIPTOR = "release.json"


@dataclass(frozen=True, slots=True)
class Built:
    """release: the descriptor proper. stages: the Triton models it runs, in the ensemble's order."""

    release: Release
    stages: tuple[str, ...]


def dump(built: Built) -> bytes:
    """Write the descriptor as it stands in an ensemble's folder."""
    body = asdict(built.release) | {"stages": built.stages}
    return (json.dumps(body, indent=2) + "\n").encode()


def read(repository: Path, ensemble: str) -> Built:
    """
    Read the descriptor of `ensemble`.

    Raises Broken when the repository has none, or one that is none; Unavailable when it cannot be read now.
    """
    path = repository / ensemble / DESCRIPTOR
    try:
        body = json.loads(path.read_bytes())
        return Built(stages=tuple(body.pop("stages")), release=Release(**body))
    except FileNotFoundError as error:
        raise Broken(
            f"{repository} holds no release {ensemble!r}; `segue release list` shows what it holds."
        ) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read now: {error.strerror}; is the repository there, and ours?") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Broken(
            f"{path} is no release descriptor ({error}); remove the folder and build the release again."
        ) from error


def list_built(repository: Path) -> tuple[Built, ...]:
    """List the releases in a repository, oldest build first; a repository that is not there yet holds none."""
    found = (read(repository, path.parent.name) for path in repository.glob(f"*/{DESCRIPTOR}"))
    return tuple(sorted(found, key=lambda built: (built.release.build_time, built.release.ensemble)))
