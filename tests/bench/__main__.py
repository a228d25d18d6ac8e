"""`make bench`: time what Segue claims, each figure with its floor of the same run, against its goal."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.bench.figures import Figure, Report
from controller.cli.drawing import Console, Table
from controller.parts.installed import local_folder
from controller.parts.postgres import Postgres, start_postgres
from tests.bench import deciding, growth, load, pick, rollback, scaling, soak, start
from tests.bench.page import write_docs
from tests.bench.speech import added, changes, faults

_MET: Final = {True: "yes", False: "NO", None: ""}


def main() -> int:
    """Run the benches that are asked for; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=f"{__doc__} Figures also go to .local/bench/, one file a bench.",
        epilog="examples: python -m tests.bench --only rollback --rounds 200; "
        "python -m tests.bench --only soak --store postgresql --minutes 30",
    )
    parser.add_argument("--rounds", type=int, default=200, help="rollbacks on each store (default: 200)")
    parser.add_argument("--batches", type=int, default=60, help="batches decided on each store (default: 60)")
    parser.add_argument("--starts", type=int, default=5, help="starts of all of Segue on each store (default: 5)")
    parser.add_argument("--minutes", type=float, default=30, help="of the soak on each store (default: 30)")
    parser.add_argument("--asked", type=int, default=100, help="rounds in which the gateway is asked (default: 100)")
    parser.add_argument("--changes", type=int, default=1_000, help="of a weight, under load (default: 1000)")
    parser.add_argument("--times", type=int, default=8, help="that a candidate breaks in each way (default: 8)")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), action="append", help="default: both")
    parser.add_argument(
        "--only",
        choices=tuple(_BENCHES),
        action="append",
        help=f"may be given again; default: all but {', '.join(_LONG)}",
    )
    parser.add_argument("--docs", type=Path, help="write the figures into this folder's performance.md as well")
    chosen = parser.parse_args()
    reports = {}
    for name in chosen.only or [name for name in _BENCHES if name not in _LONG]:
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
    return _rolled_back("rollback", rollback.measure, chosen)


def _load(chosen: argparse.Namespace) -> Sequence[Figure]:
    return _rolled_back("load", load.measure, chosen)


def _rolled_back(
    name: str, measure: Callable[[Path, str, str, str, int], Sequence[Figure]], chosen: argparse.Namespace
) -> Sequence[Figure]:
    return _on_stores(
        name,
        chosen,
        lambda store: measure(
            store.work,
            store.name,
            store.made("segue"),
            store.made("bare") or f"sqlite+aiosqlite:///{store.work}/bare.db",
            chosen.rounds,
        ),
    )


def _deciding(chosen: argparse.Namespace) -> Sequence[Figure]:
    return _on_stores(
        "deciding",
        chosen,
        lambda store: deciding.measure(store.name, store.address("segue"), store.address("bare"), chosen.batches),
    )


def _scaling(chosen: argparse.Namespace) -> Sequence[Figure]:
    return _on_stores(
        "scaling",
        chosen,
        lambda store: scaling.measure(
            store.name, store.address("segue"), chosen.batches, store_is_shared=store.server is not None
        ),
    )


def _growth(chosen: argparse.Namespace) -> Sequence[Figure]:
    return _on_stores(
        "growth", chosen, lambda store: growth.measure(store.name, store.work, store.server, chosen.batches)
    )


def _start(chosen: argparse.Namespace) -> Sequence[Figure]:
    return _on_stores("start", chosen, lambda store: start.measure(store.name, store.work, store.server, chosen.starts))


def _soak(chosen: argparse.Namespace) -> Sequence[Figure]:
    return _on_stores(
        "soak", chosen, lambda store: soak.measure(store.work, store.name, store.made("segue"), chosen.minutes)
    )


def _gateway(chosen: argparse.Namespace) -> Sequence[Figure]:
    with _place(_folder() / "gateway") as work:
        return added.measure(work, chosen.asked)


def _changes(chosen: argparse.Namespace) -> Sequence[Figure]:
    with _place(_folder() / "changes") as work:
        return changes.measure(work, chosen.changes)


def _faults(chosen: argparse.Namespace) -> Sequence[Figure]:
    with _place(_folder() / "faults") as work:
        return faults.measure(work, chosen.times, each_s=5, rate_per_s=150)


_BENCHES: Final[Mapping[str, _Bench]] = {
    "pick": _pick,
    "gateway": _gateway,
    "changes": _changes,
    "faults": _faults,
    "rollback": _rollback,
    "load": _load,
    "deciding": _deciding,
    "scaling": _scaling,
    "growth": _growth,
    "start": _start,
    "soak": _soak,
}
_LONG: Final = ("soak",)
"""Only measured when it is asked for by name."""


def _folder() -> Path:
    folder = local_folder() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class _Store:
    """A store's empty folder, and its server where it has one."""

    work: Path
    server: Postgres | None

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        return "PostgreSQL" if self.server else "SQLite"

    def made(self, database: str) -> str:
        """Make a database on the server and return its address; "" where there is no server."""
        return self.server.create(database) if self.server else ""

    def address(self, database: str) -> str:
        """Return the address of an empty database."""
        return self.made(database) or f"sqlite:///{self.work}/{database}.db"


def _on_stores(
    name: str, chosen: argparse.Namespace, measure: Callable[[_Store], Sequence[Figure]]
) -> Sequence[Figure]:
    return [figure for store in _stores(name, chosen.store) for figure in measure(store)]


def _stores(name: str, asked: Sequence[str] | None) -> Iterator[_Store]:
    """Yield the stores; a server ends before the next begins."""
    for store in asked or ("sqlite", "postgresql"):
        with _place(_folder() / f"{name}-{store}") as work:
            if store == "sqlite":
                yield _Store(work, None)
            else:
                with start_postgres(work / "postgres") as server:
                    try:
                        yield _Store(work, server)
                    finally:
                        # Its data may lie elsewhere, and the next bench of this name begins with none.
                        server.erase()


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
        table.add_row(one.part, one.name, one.measured, one.goal, _MET[one.met], one.told)
    return table


if __name__ == "__main__":
    sys.exit(main())
