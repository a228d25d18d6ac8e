"""`python -m tests.simulation`: live through many schedules, replay one, or plant mistakes and see them caught."""

import argparse
import sys
import time
from collections.abc import Callable

from controller.cli.drawing import Console, Table
from controller.cli.progress import shown
from controller.spread import cores
from tests.simulation.campaign import KINDS, Tally, all_caught, campaign, drawn, live
from tests.simulation.drawing import draw
from tests.simulation.mutations import MUTATIONS
from tests.simulation.rollback import killed_everywhere
from tests.simulation.schedule import Schedule
from tests.simulation.shrink import shrink
from tests.simulation.watch import Found
from tests.simulation.world import simulate

_TOLD_AT_MOST = 5
_OUT = Console(width=120)
_PROGRESS = Console(stderr=True)


def main() -> int:
    """Do what was asked for; exit status 1 when a promise was broken, or a planted mistake not caught."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Seeded simulation: crashes, lost answers, rebalances, doubles, and what must hold all the same.",
        epilog="example: python -m tests.simulation --schedules 10000; to see one again: --seed 4711",
    )
    parser.add_argument("--schedules", type=int, default=1000, help="how many to live through (default: 1000)")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="SEED", help="the first seed (default: 0)")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes (default: one a core)")
    parser.add_argument("--seed", type=int, help="live through this one alone, tell what happened, make it small")
    parser.add_argument("--plant", choices=MUTATIONS, metavar="MISTAKE", help="with --seed: make this mistake in it")
    parser.add_argument("--mutations", action="store_true", help="plant each mistake until it is caught")
    parser.add_argument("--every-step", action="store_true", help="kill each process before each step of one rollback")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return _replay(chosen.seed, chosen.plant)
    if chosen.mutations:
        return _mutations(chosen.schedules, chosen.jobs)
    if chosen.every_step:
        schedules = killed_everywhere()
        title = f"one rollback, a process killed before each of its {len(schedules)} steps in turn"
        return _lived(title, len(schedules), lambda told: campaign(live, schedules, chosen.jobs, told))
    seeds = range(chosen.first, chosen.first + chosen.schedules)
    title = f"schedules of seeds {seeds.start} to {seeds.stop - 1}"
    return _lived(title, len(seeds), lambda told: campaign(drawn, seeds, chosen.jobs, told))


def _lived(title: str, number: int, work: Callable[[Callable[[Tally], None]], Tally]) -> int:
    began_s = time.monotonic()
    with shown() as progress:
        tally = work(lambda so_far: progress(f"schedules, {len(so_far.failed)} failed", so_far.schedules, number))
    table = Table(title=title)
    table.add_column("what")
    table.add_column("number", justify="right")
    counts = {"schedules": tally.schedules, "inputs": tally.inputs, "facts": tally.facts, "steps": tally.steps}
    counts |= {f"fault: {fault}": number for fault, number in sorted(tally.faults.items())}
    counts |= {f"schedules that ended with: {kind}": tally.found(kind) for kind in KINDS}
    for what, number in (counts | {"seconds": round(time.monotonic() - began_s)}).items():
        table.add_row(what, f"{number:,}")
    _OUT.print(table)
    for name, found in list(tally.failed.items())[:_TOLD_AT_MOST]:
        _OUT.print(f"{name}: {found[0]}")
    if tally.failed:
        _OUT.print("python -m tests.simulation --seed N tells what happened, and makes it small")
    return 1 if tally.failed else 0


def _replay(seed: int, mistake: str | None) -> int:
    schedule = draw(seed)
    world = simulate(schedule, MUTATIONS[mistake] if mistake else None)
    _OUT.print(f"seed {seed}: {schedule.partitions} partitions, {len(schedule.inputs)} inputs")
    for line in world.log:
        _OUT.print(line)
    if not world.watch.found:
        _OUT.print(f"{len(world.watch.hashes)} facts, and every promise was kept")
        return 0
    _tell(schedule, world.watch.found, mistake)
    return 1


def _tell(schedule: Schedule, found: list[Found], mistake: str | None) -> None:
    for one in found:
        _OUT.print(str(one))
    planted = MUTATIONS[mistake] if mistake else None
    kinds = {one.kind for one in found}
    with _PROGRESS.status("is made small"):
        small = shrink(schedule, lambda fewer: any(one.kind in kinds for one in simulate(fewer, planted).watch.found))
    _OUT.print(f"The same happens with these alone ({small.partitions} partitions):")
    for what in (*small.faults, *small.inputs):
        _OUT.print(f"  {what}")


def _mutations(most: int, jobs: int) -> int:
    table = Table(title=f"planted mistakes, each to be caught within {most} schedules")
    for heading in ("mistake", "schedules", "caught by"):
        table.add_column(heading)

    def told(name: str, schedules: int, found: list[Found]) -> None:
        _PROGRESS.print(f"{name}: {schedules or 'NOT CAUGHT'}")
        table.add_row(name, str(schedules or "NOT CAUGHT"), str(found[0]) if found else "")

    every = all_caught(most, jobs, told)
    _OUT.print(table)
    return 0 if every else 1


if __name__ == "__main__":
    sys.exit(main())
