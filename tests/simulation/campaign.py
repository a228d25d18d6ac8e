"""Many schedules in several processes, and what came of them."""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from controller.spread import portions, processes
from tests.simulation.drawing import draw
from tests.simulation.mutations import MUTATIONS
from tests.simulation.schedule import Schedule
from tests.simulation.watch import Found
from tests.simulation.world import simulate

T = TypeVar("T")

KINDS = ("lost", "twice", "diverged", "stuck", "error")
"""What may be found; the first four are what is promised never to happen."""


@dataclass(slots=True)
class Tally:
    """What schedules came to. failed: by what tells the schedule; faults: how often each struck."""

    schedules: int = 0
    inputs: int = 0
    facts: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[Found]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Count what another portion came to."""
        self.schedules += other.schedules
        self.inputs += other.inputs
        self.facts += other.facts
        self.steps += other.steps
        self.faults += other.faults
        self.failed |= other.failed

    def found(self, kind: str) -> int:
        """Return in how many schedules something of this kind was found."""
        return sum(any(one.kind == kind for one in found) for found in self.failed.values())


def live(schedules: Iterable[Schedule], mutation: str = "") -> Tally:
    """Live through schedules in this process."""
    tally = Tally()
    planted = MUTATIONS[mutation] if mutation else None
    # Hundreds of thousands of small objects come and go with each; looking for circles among them so often is dear.
    gc.set_threshold(200_000)
    for schedule in schedules:
        world = simulate(schedule, planted)
        tally.schedules += 1
        tally.inputs += len(world.schedule.inputs)
        tally.facts += len(world.watch.hashes)
        tally.steps += world.steps
        tally.faults.update(one.fault.value for one in world.struck)
        if world.watch.found:
            tally.failed[_named(schedule)] = world.watch.found
    return tally


def drawn(seeds: Sequence[int]) -> Tally:
    """Live through the schedules of these seeds in this process."""
    return live(map(draw, seeds))


def campaign(
    work: Callable[[Sequence[T]], Tally], items: Sequence[T], jobs: int, told: Callable[[Tally], None]
) -> Tally:
    """Have all items lived through by so many processes; told: how far it has got, again and again."""
    total = Tally()
    with processes(jobs) as pool:
        for tally in pool.map(work, portions(items, max(jobs, len(items) // 800))):
            total.add(tally)
            told(total)
    return total


def first_caught(mutation: str, seeds: Iterable[int]) -> tuple[int, list[Found]]:
    """Return how many schedules it takes to catch a planted mistake, and by what; 0 when none of them does."""
    for number, seed in enumerate(seeds, start=1):
        if failed := live([draw(seed)], mutation).failed:
            return number, next(iter(failed.values()))
    return 0, []


def _named(schedule: Schedule) -> str:
    return f"seed {schedule.seed}" + (f", {schedule.faults[0]}" if len(schedule.faults) == 1 else "")


def all_caught(most: int, jobs: int, told: Callable[[str, int, list[Found]], None]) -> bool:
    """Plant every mistake, tell of each how many schedules it took, and say whether all were caught."""
    every = True
    with processes(jobs) as pool:
        for name, (schedules, found) in zip(
            MUTATIONS, pool.map(partial(first_caught, seeds=range(most)), MUTATIONS), strict=True
        ):
            told(name, schedules, found)
            every = every and schedules > 0
    return every
