"""The figures as a table in docs/performance.md."""

from pathlib import Path

from controller.bench.figures import Report
from controller.bench.history.options import Options
from controller.bench.page import put, rows


def write_docs(report: Report, options: Options, folder: Path) -> None:
    """
    Put the figures between the markers of `folder`/performance.md.

    Raises Broken when the page or its markers are not there.
    """
    put(folder / "performance.md", table(report, options))


def table(report: Report, options: Options) -> str:
    """Return the table in Markdown, and what it was measured on."""
    made = (
        f"{report.machine}; PostgreSQL: {options.facts:,} facts of {options.services:,} services, "
        f"SQLite: {options.sqlite_facts:,}; replayed and verified: {options.replayed_facts:,}."
    )
    return f"{made}\n\n{rows(report.figures)}"
