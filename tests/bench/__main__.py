"""`make bench`: run the timed claims and write them, with their floors, to .local/bench/."""

import argparse
import json
import os
import platform
import shutil
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from controller.parts.installed import local_folder
from controller.parts.postgres import start_postgres
from tests.bench.rollback import Figures, run


def main() -> int:
    """Run the benchmark on the chosen stores; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, epilog="example: python -m tests.bench --rounds 60"
    )
    parser.add_argument("--rounds", type=int, default=60, help="rollbacks measured on each store (default: 60)")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), action="append", help="default: both")
    chosen = parser.parse_args()
    folder = local_folder() / "bench"
    figures = []
    for store in chosen.store or ("sqlite", "postgresql"):
        work = folder / store
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        if store == "sqlite":
            figures.append(run(work, store, "", f"sqlite+aiosqlite:///{work}/bare.db", chosen.rounds))
        else:
            with start_postgres(work / "postgres") as postgres:
                figures.append(run(work, store, postgres.create("segue"), postgres.create("bare"), chosen.rounds))
    report = {
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "rollback": [{**asdict(figure), "met": figure.met} for figure in figures],
    }
    (folder / "rollback.json").write_text(json.dumps(report, indent=2) + "\n")
    Console(width=120).print(_table(figures, report["machine"]))
    return 0 if all(figure.met for figure in figures) else 1


def _table(figures: list[Figures], machine: object) -> Table:
    table = Table(title=f"webhook received to gateway applied ({machine})")
    for heading in (
        "store",
        "rollbacks",
        "p50 ms",
        "p99 ms",
        "bare p50 ms",
        "bare p99 ms",
        "hops p50 ms",
        "goal",
        "met",
    ):
        table.add_column(heading, justify="right")
    for figure in figures:
        goal = f"p50 <= 15, p99 <= {max(50, 2 * figure.bare_p99_ms):.0f}"
        numbers = (figure.p50_ms, figure.p99_ms, figure.bare_p50_ms, figure.bare_p99_ms)
        table.add_row(
            figure.store,
            str(figure.rounds),
            *(f"{number:.1f}" for number in numbers),
            " + ".join(f"{hop:.0f}" for hop in figure.hops_p50_ms),
            goal,
            "yes" if figure.met else "NO",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
