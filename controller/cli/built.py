"""A release that was built here, found by any of its names."""

from pathlib import Path

from controller.core.errors import Broken
from controller.core.names import Release
from triton_models.descriptor import list_built


def find_built(repository: Path, name: str) -> Release:
    """Return the built release with this version, ensemble or digest. Raises Broken when it is none, or several."""
    built = [one.release for one in list_built(repository)]
    found = [release for release in built if release.answers_to(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Broken(f"{len(found)} releases are called {name}: name one by its ensemble, {_listed(found)}")
    if not built:
        raise Broken(f"{repository} holds no release yet: build one with `segue release build`")
    raise Broken(f"{repository} holds no release {name}; it holds {_listed(built)}")


def _listed(releases: list[Release]) -> str:
    return ", ".join(f"{release.version} ({release.ensemble})" for release in releases)
