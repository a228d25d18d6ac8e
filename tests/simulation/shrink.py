"""The smallest schedule that still fails: faults are dropped first, then inputs, halves before single ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.schedule import Schedule

T = TypeVar("T")

Fails = Callable[[Schedule], bool]


def shrink(schedule: Schedule, fails: Fails) -> Schedule:
    """Return a schedule that fails and of which nothing can be left out any more, one by one."""

    def with_faults(faults: tuple[object, ...]) -> Schedule:
        return replace(schedule, faults=faults)  # type: ignore[arg-type]  # they are what it had, with some left out

    schedule = with_faults(_fewest(schedule.faults, lambda faults: fails(with_faults(faults))))

    def with_inputs(inputs: tuple[object, ...]) -> Schedule:
        return replace(schedule, inputs=inputs)  # type: ignore[arg-type]  # as above

    return with_inputs(_fewest(schedule.inputs, lambda inputs: fails(with_inputs(inputs))))


def _fewest(items: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    kept = tuple(items)
    size = len(kept)
    while size:
        at = 0
        while at < len(kept):
            fewer = (*kept[:at], *kept[at + size :])
            if fails(fewer):
                kept = fewer
            else:
                at += size
        size //= 2
    return kept
