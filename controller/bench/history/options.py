"""How much is measured, and which parts of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controller.bench.history.asking import RUNS
from controller.bench.history.filling import Size
from controller.core.errors import Malformed


class Part(StrEnum):
    """What can be measured on its own."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    SPEED = "speed"
    """Replay and verify, from both stores and Kafka."""


def parts_of(names: Sequence[str] | None) -> tuple[Part, ...]:
    """Return the parts of these names, all of them when none is named; raises Malformed for one that there is not."""
    try:
        return tuple(Part(name) for name in names or Part)
    except ValueError as error:
        raise Malformed(f"--only: {error}; allowed: {', '.join(Part)}") from None


@dataclass(frozen=True, slots=True)
class Options:
    """
    How much is measured.

    facts, services: on PostgreSQL. sqlite_facts: on SQLite. replayed_facts: those that are replayed and verified.
    memory_facts: up to so many a replay's memory is watched, for memory_s seconds at most. runs: how often a question
    is asked. keep: what was filled is there next time. parts: what is measured at all. judged: whether figures are held
    against goals, which are meant for stores of this size.
    """

    facts: int = 10_000_000
    services: int = 1_000
    sqlite_facts: int = 1_000_000
    replayed_facts: int = 200_000
    memory_facts: int = 5_000_000
    memory_s: float = 150
    runs: int = RUNS
    templates: int = 12
    keep: bool = False
    parts: tuple[Part, ...] = tuple(Part)
    judged: bool = True

    @property
    def each(self) -> int:
        """Facts of a service."""
        return max(200, self.facts // self.services)

    def size(self, facts: int) -> Size:
        """Return so many facts as services: each has as many facts as on PostgreSQL, so there are fewer of them."""
        return Size(max(1, facts // self.each), self.each, templates=min(self.templates, self.services))


QUICK: Final = Options(
    4_000, 10, 2_000, replayed_facts=800, memory_facts=2_000, memory_s=5, runs=3, templates=2, judged=False
)
"""As much as shows that it runs; its figures say little: what a start takes weighs more than what is measured."""
