"""`make bench`: time what Segue claims, each figure with its floor of the same run, against its goal."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from controller.bench.figures import Figure, Report, shown
from controller.parts.installed import local_folder
from controller.parts.postgres import Postgres, start_postgres
from tests.bench import deciding, growth, pick, rollback, scaling
from tests.bench.page import write_docs

_MET: Final = {True: "yes", False: "NO", None: ""}


def main() -> int:
    """Run the benches that are asked for; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=f"{__doc__} Figures also go to .local/bench/, one file a bench.",
        epilog="example: python -m tests.bench --only rollback --rounds 200",
    )
    parser.add_argument("--rounds", type=int, default=60, help="rollbacks on each store (default: 60)")
    parser.add_argument("--batches", type=int, default=60, help="batches decided on each store (default: 60)")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), action="append", help="default: both")
    parser.add_argument("--only", choices=tuple(_BENCHES), action="append", help="may be given again; default: all")
    parser.add_argument("--docs", type=Path, help="write the figures into this folder's performance.md as well")
    chosen = parser.parse_args()
    reports = {}
    for name in chosen.only or _BENCHES:
        report = Report({}, _BENCHES[name](chosen))
        (_folder() / f"{name}.json").write_text(json.dumps(report.told(), indent=2) + "\n")
        Console(width=150).print(_table(name, report))
        reports[name] = report
    if chosen.docs is not None:
        write_docs(reports, chosen.docs)
    return 0 if all(report.met for report in reports.values()) else 1


_Bench = Callable[[argparse.Namespace], Sequence[Figure]]


def _pick(_chosen: argparse.Namespace) -> Sequence[Figure]:
    return pick.measure()


def _rollback(chosen: argparse.Namespace) -> Sequence[Figure]:
    return [
        figure
        for work, server in _stores("rollback", chosen.store)
        for figure in rollback.measure(
            work,
            "PostgreSQL" if server else "SQLite",
            server.create("segue") if server else "",
            server.create("bare") if server else f"sqlite+aiosqlite:///{work}/bare.db",
            chosen.rounds,
        )
    ]


def _deciding(chosen: argparse.Namespace) -> Sequence[Figure]:
    return [
        figure
        for work, server in _stores("deciding", chosen.store)
        for figure in deciding.measure(
            "PostgreSQL" if server else "SQLite",
            server.create("segue") if server else f"sqlite:///{work}/segue.db",
            server.create("bare") if server else f"sqlite:///{work}/bare.db",
            chosen.batches,
        )
    ]


def _scaling(chosen: argparse.Namespace) -> Sequence[Figure]:
    return [
        figure
        for work, server in _stores("scaling", chosen.store)
        for figure in scaling.measure(
            "PostgreSQL" if server else "SQLite",
            server.create("segue") if server else f"sqlite:///{work}/segue.db",
            chosen.batches,
            store_is_shared=server is not None,
        )
    ]


def _growth(chosen: argparse.Namespace) -> Sequence[Figure]:
    return [
        figure
        for work, server in _stores("growth", chosen.store)
        for figure in growth.measure("PostgreSQL" if server else "SQLite", work, server, chosen.batches)
    ]


_BENCHES: Final[Mapping[str, _Bench]] = {
    "pick": _pick,
    "rollback": _rollback,
    "deciding": _deciding,
    "scaling": _scaling,
    "growth": _growth,
}


def _folder() -> Path:
    return local_folder() / "bench"


def _stores(name: str, asked: Sequence[str] | None) -> Iterator[tuple[Path, Postgres | None]]:
    """Yield each store's empty folder, and its server where it has one, which ends before the next begins."""
    for store in asked or ("sqlite", "postgresql"):
        with _place(_folder() / f"{name}-{store}") as work:
            if store == "sqlite":
                yield work, None
            else:
                with start_postgres(work / "postgres") as server:
                    yield work, server


@contextmanager
def _place(work: Path) -> Iterator[Path]:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _table(name: str, report: Report) -> Table:
    table = Table(title=f"{name} ({report.machine})", title_justify="left")
    for heading in ("where", "what", "measured", "goal", "met", ""):
        table.add_column(heading)
    for one in report.figures:
        table.add_row(one.part, one.name, f"{shown(one.value)} {one.unit}", one.goal, _MET[one.met], one.told)
    return table


if __name__ == "__main__":
    sys.exit(main())
