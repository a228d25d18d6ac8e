"""`make bench`: run the timed claims and print them with their floors; the rollbacks' also go to .local/bench/."""

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from controller.parts.installed import local_folder
from controller.parts.postgres import start_postgres
from tests.bench import pick
from tests.bench.rollback import Figures, run


def main() -> int:
    """Run the benchmark on the chosen stores; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, epilog="example: python -m tests.bench --rounds 60"
    )
    parser.add_argument("--rounds", type=int, default=60, help="rollbacks measured on each store (default: 60)")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), action="append", help="default: both")
    parser.add_argument("--only", choices=("pick", "rollback"), help="default: both")
    chosen = parser.parse_args()
    met = True
    if chosen.only != "rollback":
        picks = pick.measure()
        Console(width=120).print(_picks(picks))
        met = all(figure.met for figure in picks)
    if chosen.only != "pick":
        met = _rollbacks(chosen.store or ("sqlite", "postgresql"), chosen.rounds) and met
    return 0 if met else 1


def _rollbacks(stores: Sequence[str], rounds: int) -> bool:
    folder = local_folder() / "bench"
    figures = []
    for store in stores:
        work = folder / store
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        if store == "sqlite":
            figures.append(run(work, store, "", f"sqlite+aiosqlite:///{work}/bare.db", rounds))
        else:
            with start_postgres(work / "postgres") as postgres:
                figures.append(run(work, store, postgres.create("segue"), postgres.create("bare"), rounds))
    report = {
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "rollback": [{**asdict(figure), "met": figure.met} for figure in figures],
    }
    (folder / "rollback.json").write_text(json.dumps(report, indent=2) + "\n")
    Console(width=120).print(_table(figures, report["machine"]))
    return all(figure.met for figure in figures)


def _picks(figures: list[pick.Figures]) -> Table:
    table = Table(title="one pick of a release")
    for heading in ("where", "p50 us", "p99 us", "empty call p50 us", "goal", "met"):
        table.add_column(heading, justify="right")
    for figure in figures:
        numbers = (figure.p50_us, figure.p99_us, figure.floor_p50_us)
        told = "yes" if figure.met else "NO"
        table.add_row(figure.name, *(f"{number:.2f}" for number in numbers), f"p50 < {pick.MOST_US:g}", told)
    return table


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
