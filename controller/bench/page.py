"""What a bench writes into a page of docs/: between two markers, whatever people wrote around them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from controller.bench.figures import Figure
from controller.core.errors import Broken

MET: Final = {True: "yes", False: "**no**", None: ""}
"""Whether a goal is met, in Markdown."""


def markers(name: str = "figures") -> tuple[str, str]:
    """Return the two lines between which text of this name is put."""
    return f"<!-- {name} begin -->", f"<!-- {name} end -->"


def put(page: Path, text: str, name: str = "figures") -> None:
    """Put text between the markers of this name of a page. Raises Broken when the page or its markers are not there."""
    begin, end = markers(name)
    before = page.read_text() if page.exists() else ""
    if begin not in before or end not in before:
        raise Broken(f"{page} has no lines `{begin}` and `{end}` to put the figures between: restore the page first")
    head, tail = before.split(begin)[0], before.split(end)[1]
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


def rows(figures: Iterable[Figure]) -> str:
    """Return figures as a table in Markdown."""
    head = "| where | what | measured | goal | met | |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(_row(one) for one in figures)])


def _row(one: Figure) -> str:
    return f"| {one.part} | {one.name} | {one.measured} | {one.goal} | {MET[one.met]} | {one.told} |"
