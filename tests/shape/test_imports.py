"""Imports point one way: core <- wire <- journal <- handle <- consumers; gateway and api never reach handle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT: dict[str, set[str]] = {
    "controller.core": set(),
    "controller.quality": {"controller.core"},
    "controller.brokers": {"controller.core"},
    "controller.given": {"controller.core"},
    "controller.settings": {"controller.brokers", "controller.core", "controller.given"},
    "controller.log": set(),
    "controller.chart": set(),
    "controller.collector": set(),
    "controller.spread": set(),
    "controller.wire": {"controller.core"},
    "controller.journal": {"controller.core", "controller.wire", "migrations"},
    "controller.handle": {"controller.core", "controller.wire", "controller.journal"},
    "controller.replay": {
        "controller.brokers",
        "controller.core",
        "controller.wire",
        "controller.journal",
        "controller.outside",
        "controller.spread",
    },
    "controller.proof": {
        "controller.brokers",
        "controller.core",
        "controller.wire",
        "controller.journal",
        "controller.outside",
    },
    "controller.scene": {
        "controller.core",
        "controller.wire",
        "controller.journal",
        "controller.outside",
        "controller.log",
    },
    "controller.restore": {
        "controller.brokers",
        "controller.core",
        "controller.wire",
        "controller.journal",
        "controller.outside",
    },
    "controller.redecide": {"controller.core", "controller.wire", "controller.journal", "controller.spread"},
    "controller.backtest": {
        "controller.core",
        "controller.wire",
        "controller.journal",
        "controller.chart",
        "controller.spread",
    },
    "controller.outside": {
        "controller.brokers",
        "controller.core",
        "controller.wire",
        "controller.quality",
        "controller.settings",
    },
    "controller.observe": {"controller.core", "controller.quality", "controller.outside"},
    "controller.parts": {"controller.core"},
    "controller.tokens": set(),
    "controller.connections": {"controller.core"},
    "controller.gateway": {
        "controller.brokers",
        "controller.connections",
        "controller.core",
        "controller.tokens",
        "controller.wire",
        "controller.quality",
        "controller.outside",
        "controller.settings",
        "controller.log",
    },
    "controller.api": {
        "controller.brokers",
        "controller.connections",
        "controller.core",
        "controller.tokens",
        "controller.wire",
        "controller.journal.store",
        "controller.journal.views",
        "controller.outside",
        "controller.settings",
        "controller.log",
    },
    "controller.bench": {
        "controller.core",
        "controller.wire",
        "controller.journal",
        "controller.replay",
        "controller.replays",
        "controller.proof",
        "controller.backtest",
        "controller.outside",
        "controller.parts",
        "controller.chart",
    },
    "triton_models": {"controller.core"},
    "migrations": set(),
}
"""What each place may import of the project, itself aside. Places not named here stand at the top and import freely."""


def imported(path: Path) -> Iterator[str]:
    """Yield the project's modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level == 1 and (path.parent / "config.pbtxt").exists():
                continue  # a model stage and the files beside it travel to Triton together, where no package is
            assert node.level == 0, f"{path}: imports are absolute, so that their direction can be read"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (
            name for name in names if name.split(".")[0] in {"controller", "consumers", "triton_models", "migrations"}
        )


def files_of(place: str) -> list[Path]:
    """Return the files of a package or module."""
    path = ROOT / place.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def within(name: str, place: str) -> bool:
    """Say whether a dotted name is a place or lies in it."""
    return name == place or name.startswith(f"{place}.")


@pytest.mark.parametrize("place", MAY_IMPORT)
def test_imports_point_one_way(place: str) -> None:
    """Nothing imports what stands above it."""
    files = files_of(place)
    assert files, f"{place} is named here and does not exist"
    for path in files:
        for name in imported(path):
            allowed = within(name, place) or any(within(name, lower) for lower in MAY_IMPORT[place])
            assert allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_core_knows_no_outside() -> None:
    """The core imports nothing that could read a clock, draw a number, or do I/O."""
    # datetime and zoneinfo say what hour a given instant is somewhere; nothing there asks what time it is now.
    pure = {"collections", "controller", "dataclasses", "enum", "functools", "hashlib", "itertools", "math", "re"}
    pure |= {"datetime", "operator", "typing", "zoneinfo"}
    for path in files_of("controller.core"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                assert name.split(".")[0] in pure, f"{path.name} imports {name}"


def test_only_model_stages_import_torch() -> None:
    """Neither controller nor consumers import torch: it costs seconds and gigabytes."""
    for place in ("controller", "consumers"):
        for path in files_of(place):
            tree = ast.parse(path.read_text())
            modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not {module for module in modules if module.split(".")[0] == "torch"}, path
