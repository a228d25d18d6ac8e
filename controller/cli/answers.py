"""How a verb answers: a table or a line for people, JSON for programs, one sentence and an exit code for an error."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from controller.cli.plain import as_document, as_json, say
from controller.core.errors import Broken, Malformed, SegueError, Unavailable

FAILED: Final = 1
NOT_UNDERSTOOD: Final = 2
AWAY: Final = 3

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]


def code_of(error: SegueError) -> int:
    """Return the exit code of an error: whether the caller must write something else, or may try again."""
    match error:
        case Unavailable():
            return AWAY
        case Malformed():
            return NOT_UNDERSTOOD
        case _:
            return FAILED


def save(file: Path, text: str) -> None:
    """Write what a verb drew into a file; raises Broken."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Broken(f"{file} cannot be written: {error.strerror}") from error


def check_chart(file: Path | None) -> None:
    """Raise Malformed when a chart is asked for in a file that is no SVG by its name; before anything is worked out."""
    if file is not None and file.suffix != ".svg":
        raise Malformed(f"--chart is {file}; allowed: a file that ends in .svg")


def tell_json(value: object) -> None:
    """Answer with one JSON document."""
    sys.stdout.writelines(as_document(value))
    sys.stdout.write("\n")


def tell_json_line(value: object) -> None:
    """Answer with one JSON value on a line of its own."""
    sys.stdout.write(f"{as_json(value)}\n")


def tell_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, none: str) -> None:
    """Answer with a table, or with the sentence `none` when there are no rows."""
    from controller.cli.drawing import Console, Table

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    if table.row_count == 0:
        say(none)
        return
    out = Console()
    if not out.is_terminal:
        out.width = 10_000  # a pipe has no width: what follows reads lines, not pictures
    out.print(table, soft_wrap=not out.is_terminal)
