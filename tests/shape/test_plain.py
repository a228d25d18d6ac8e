"""What others wrote reaches people through two places alone, which let neither markup nor orders be made of it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.shape.test_imports import ROOT, files_of

DRAWS: Final = ROOT / "controller" / "cli" / "drawing.py"
SAYS: Final = ROOT / "controller" / "cli" / "plain.py"
FRAMES: Final = {"rich.console.Group", "rich.console.RenderableType", "rich.live.Live", "rich.panel.Panel"}
"""They hold what was drawn, and write nothing themselves."""
OWN_WORDS: Final = {"up.py", "hosting.py"}
"""What they print nobody else wrote: addresses, and errors that go into a log; and they load neither rich nor typer."""


def of_rich(path: Path) -> Iterator[str]:
    """Yield what a file takes from rich."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rich")


def written(path: Path) -> Iterator[str]:
    """Yield by what a file writes to people itself."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "typer.echo", "typer.secho", "json.dump"}:
            yield ast.unparse(node.func)


def test_tables_are_drawn_in_one_place() -> None:
    """Where rich's own tables, texts and consoles were at hand, somebody's reason would be markup again."""
    programs = [path for place in ("controller", "consumers") for path in files_of(place)]
    programs += (ROOT / "tests").rglob("__main__.py")
    taken = {str(path.relative_to(ROOT)): {*of_rich(path)} - FRAMES for path in programs if path != DRAWS}
    assert {path: names for path, names in taken.items() if names} == {}


def test_lines_are_said_in_one_place() -> None:
    """A verb and the demo write by `say`, tables or JSON, which leave nothing for a terminal to obey."""
    verbs = [path for place in ("controller.cli", "controller.demo") for path in files_of(place)]
    taken = {path.name: [*written(path)] for path in verbs if path != SAYS and path.name not in OWN_WORDS}
    assert {path: calls for path, calls in taken.items() if calls} == {}
