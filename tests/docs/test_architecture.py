"""ARCHITECTURE.md leads to places that exist."""

import re

from controller.parts.installed import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text()


def test_every_place_it_names_exists() -> None:
    """Each path in backticks is a file or folder of the repository."""
    named = set(re.findall(r"`((?:[a-z_.]+/)+[a-z_.]*)`", TEXT))
    assert len(named) > 25
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_no_folder_goes_unnamed() -> None:
    """Each top-level folder with code in it is told about."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    folders -= {path for path in folders if path.startswith(".")}
    assert [folder for folder in sorted(folders) if f"`{folder}/" not in TEXT] == []
