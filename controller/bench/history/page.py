"""The figures as a table in docs/performance.md."""

from pathlib import Path

from controller.bench.figures import Figure, Report, shown
from controller.bench.history.options import Options
from controller.bench.page import MET, put


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
    head = "| where | what | measured | goal | met | |\n|---|---|---|---|---|---|"
    return "\n".join([made, "", head, *(_line(one) for one in report.figures)])


def _line(one: Figure) -> str:
    return f"| {one.part} | {one.name} | {shown(one.value)} {one.unit} | {one.goal} | {MET[one.met]} | {one.told} |"
