"""The figures of `make bench` as a table in docs/performance.md."""

from collections.abc import Mapping
from pathlib import Path

from controller.bench.figures import Report
from controller.bench.page import put, rows


def write_docs(reports: Mapping[str, Report], folder: Path) -> None:
    """Put each bench's figures between its markers of `folder`/performance.md; raises Broken where there are none."""
    for name, report in reports.items():
        put(folder / "performance.md", f"{report.machine}.\n\n{rows(report.figures)}", name)
