"""The one clock of a simulation: what `time` says, and chance, which is drawn from the seed."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Final, Protocol
from unittest.mock import patch

EPOCH_S: Final = 1_772_500_000
"""When every simulation begins, seconds since 1970."""


class Timekeeper(Protocol):
    """Who says how long the simulation has lasted."""

    def time(self) -> float:
        """Return seconds since the beginning."""


def seeded(seed: int, whose: str = "") -> Random:
    """Return somebody's own chance: what others draw changes nothing about it."""
    return Random(f"{seed}/{whose}")  # noqa: S311  # all of it is to be had again


def wall_ms(keeper: Timekeeper) -> int:
    """Return the time of day, milliseconds since 1970."""
    return EPOCH_S * 1000 + int(keeper.time() * 1000)


@contextmanager
def simulated_time(keeper: Timekeeper, chance: Random) -> Iterator[None]:
    """Let the time of day, and the pauses that rivals draw, come from the simulation while the block runs."""
    with (
        patch.object(time, "time", lambda: EPOCH_S + keeper.time()),
        patch.object(time, "time_ns", lambda: EPOCH_S * 1_000_000_000 + int(keeper.time() * 1e9)),
        patch.object(random, "uniform", chance.uniform),
    ):
        yield
