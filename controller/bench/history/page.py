"""The figures as a table in docs/performance.md."""

from pathlib import Path
from typing import Final

from controller.bench.history.figures import Figure, shown
from controller.bench.history.run import Report
from controller.core.errors import Broken

BEGIN: Final = "<!-- figures begin -->"
END: Final = "<!-- figures end -->"


def write_docs(report: Report, folder: Path) -> None:
    """
    Put the figures between the markers of `folder`/performance.md.

    Raises Broken when the page or its markers are not there.
    """
    page = folder / "performance.md"
    text = page.read_text() if page.exists() else ""
    if BEGIN not in text or END not in text:
        raise Broken(f"{page} has no lines `{BEGIN}` and `{END}` to put the figures between: restore the page first")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table(report)}\n{END}{after}")


def table(report: Report) -> str:
    """Return the table in Markdown, and what it was measured on."""
    options = report.options
    made = (
        f"{report.machine}; PostgreSQL: {options.facts:,} facts of {options.services:,} services, "
        f"SQLite: {options.sqlite_facts:,}; replayed and verified: {options.replayed_facts:,}."
    )
    head = "| where | what | measured | goal | met | |\n|---|---|---|---|---|---|"
    return "\n".join([made, "", head, *(_line(one) for one in report.figures)])


def _line(one: Figure) -> str:
    met = {True: "yes", False: "**no**", None: ""}[one.met]
    return f"| {one.part} | {one.name} | {shown(one.value)} {one.unit} | {one.goal} | {met} | {one.told} |"
