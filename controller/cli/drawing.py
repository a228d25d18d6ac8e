"""
Tables and pictures for people, in which text is text: the one place where rich is told so.

Rich takes brackets for markup, words between colons for emoji, and gives a terminal whatever stands in a text.
"""

from typing import Any

import rich.console
import rich.table
from rich.console import RenderableType
from rich.text import Text

from controller.cli.plain import plain

Part = str | tuple[str, str] | Text
"""A text, a text with its style, or what `words` returned."""


def words(*parts: Part, style: str = "") -> Text:
    """Return parts put together; what stands in them is shown as it was written."""
    return Text.assemble(*map(_plain, parts), style=style)


def bar(filled: int, length: int, style: str) -> Text:
    """Return a bar of so many characters, the first of which are filled, in this style."""
    return words(("█" * filled, style), ("░" * (length - filled), "dim"))


class Console(rich.console.Console):
    """A console on which nothing is markup, the name of an emoji, or a number to be coloured."""

    def __init__(self, **how: Any) -> None:
        """how: as rich's `Console` takes it."""
        super().__init__(**how, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """Return a text as it is set: titles, heads of columns, and what is printed without more ado."""
        return super().render_str(plain(text, lines=True), **how)


class Table(rich.table.Table):
    """A table whose cells say what they hold."""

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        """Add a row. how: as rich's `Table` takes it."""
        super().add_row(*(words(cell) if isinstance(cell, str) else cell for cell in cells), **how)


def _plain(part: Part) -> Part:
    if isinstance(part, Text):
        return part
    return plain(part) if isinstance(part, str) else (plain(part[0]), part[1])
