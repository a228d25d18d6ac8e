"""`python -m tests.flood`: 100,000 alerts a minute, about one service and about a thousand, on both stores."""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.bench.figures import Figure, Report
from controller.cli.drawing import Console, Table
from controller.parts.installed import local_folder
from controller.parts.postgres import start_postgres
from controller.settings import Settings
from controller.supervise.plan import Part
from controller.supervise.tree import start_tree
from tests.flood.run import Shape, flooded

A_MINUTE = 100_000
STORES = ("sqlite", "postgresql")


def main() -> int:
    """Flood Segue; exit status 1 when a promise is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.flood",
        description=f"{A_MINUTE:,} alerts a minute about one service, and about a thousand, through API, Kafka, "
        "deciders and store. Each service is to be taken back once, nothing lost, memory bounded, and others are to "
        "have their rollbacks in time meanwhile. Figures also go to .local/bench/flood.json.",
        epilog="Example: python -m tests.flood --store sqlite --services 1 --alerts 10000",
    )
    parser.add_argument("--alerts", type=int, default=A_MINUTE, help="in each flood (default: %(default)s)")
    parser.add_argument("--services", type=int, action="append", help="flooded at once; default: 1, then 1000")
    parser.add_argument("--others", type=int, default=30, help="that need a rollback meanwhile (default: %(default)s)")
    parser.add_argument("--store", choices=STORES, action="append", help="default: both")
    given = parser.parse_args()
    shapes = [
        Shape(f"{services:,} flooded", services, given.alerts, A_MINUTE, given.others)
        for services in given.services or (1, 1_000)
    ]
    try:
        report = Report(
            {"alerts": given.alerts, "others": given.others},
            [figure for store in given.store or STORES for shape in shapes for figure in _measured(store, shape)],
        )
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    folder = local_folder() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flood.json").write_text(json.dumps(report.told(), indent=2) + "\n")
    _print(report)
    return 0 if report.met else 1


def _measured(store: str, shape: Shape) -> list[Figure]:
    print(f"flood: {shape.name} on {store}: starting", file=sys.stderr)
    with _folder() as folder, _database(store, folder) as url:
        settings = Settings(
            data=folder / "segue", repository=folder / "models", database_url=url, probe_every_s=30, observe_every_s=0
        )
        with start_tree(settings, parts={Part.KAFKA, Part.TRITON}, free_ports=True) as tree:
            return flooded(tree, shape, "flood").figures("PostgreSQL" if store == "postgresql" else "SQLite")


@contextmanager
def _folder() -> Iterator[Path]:
    """Give an empty folder, and leave it behind when something went wrong in it."""
    folder = local_folder() / "flood"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _database(store: str, folder: Path) -> Iterator[str]:
    if store == "sqlite":
        yield ""
        return
    with start_postgres(folder / "postgres") as server:
        try:
            yield server.create("segue")
        finally:
            server.erase()


def _print(report: Report) -> None:
    table = Table("store", "what", "figure", "goal", "met", "")
    for one in report.figures:
        met = {True: "yes", False: "NO", None: ""}[one.met]
        table.add_row(one.part, one.name, one.measured, one.goal, met, one.told)
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(main())
