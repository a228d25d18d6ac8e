"""Where `make setup` put what the parts are made of; a missing one is a sentence that says what to do."""

import os
import shutil
import sysconfig
from pathlib import Path

from controller.core.errors import Broken

ROOT = Path(__file__).resolve().parents[2]


def local_folder() -> Path:
    """The folder of downloads, builds and data: `.local` beside the sources, or $SEGUE_LOCAL."""
    return Path(os.environ.get("SEGUE_LOCAL", ROOT / ".local"))


def program(*names: str) -> str:
    """The first of these programs found on PATH. Raises Broken when none is."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise Broken(f"{' or '.join(names)} is not installed: run `make setup`, or install it and put it on PATH")


def folder(relative: str) -> Path:
    """A folder below `local_folder()`. Raises Broken when it is not there."""
    found = local_folder() / relative
    if not found.is_dir():
        raise Broken(f"{found} is missing: run `make setup`")
    return found


def postgres_program(name: str) -> str:
    """One of PostgreSQL's programs. Debian keeps them off PATH, by version; the newest is taken."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(versions[-1]) if versions else program(name)


def site_packages() -> Path:
    """The site-packages of the running Python, for an interpreter that would not find them by itself."""
    return Path(sysconfig.get_paths()["purelib"])
