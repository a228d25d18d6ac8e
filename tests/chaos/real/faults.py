"""
What is done to the stack, what is promised of it, and how soon all must be well again.

A fault is a context: it is done when the block is entered, and over when it is left.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from tests.chaos.real.stack import Stack

Strike = Callable[[Stack, str], AbstractContextManager[None]]
"""Does it to the member of this name."""

_READY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Fault:
    """
    goal_s: from `counted` to the moment when every gateway follows what was decided; None where none is promised.
    counted: "asked", from when the request or alert was taken; "back", from when what was away is back, taking what was
    asked meanwhile included. kind: whose members it befalls. users: whether somebody may be left without audio
    meanwhile. stores: on which it can be done.
    """

    name: str
    kind: str
    strike: Strike
    goal_s: float | None
    counted: str = "asked"
    users: bool = False
    stores: tuple[str, ...] = ("postgresql", "sqlite")


@contextmanager
def killed(stack: Stack, name: str) -> Iterator[None]:
    """Kill -9; whoever watches over it brings it back."""
    stack.children[name].kill()
    yield


@contextmanager
def away(stack: Stack, name: str) -> Iterator[None]:
    """Kill -9, and bring it back after two seconds."""
    child = stack.children[name]
    child.kill(revive=False)
    yield
    time.sleep(2)
    child.start()


def trapped(point: str) -> Strike:
    """Return a strike that kills at a named point of `trapped`, whoever comes there first."""

    @contextmanager
    def strike(stack: Stack, name: str) -> Iterator[None]:
        trap = stack.traps / f"{point}@{name.split('-')[0]}"
        trap.touch()
        yield
        deadline = time.monotonic() + _READY_S
        while trap.exists():
            assert time.monotonic() < deadline, f"nobody came to the point {point}"
            time.sleep(0.02)

    return strike


_POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "control": ("before-read", "after-read", "before-commit", "after-commit", "before-offset", "after-publish"),
    "gateway": ("before-apply", "after-apply"),
}

CATALOGUE: Final = (
    *(Fault(f"decider killed {point}", "control", trapped(point), 2) for point in _POINTS["control"]),
    *(Fault(f"gateway killed {point}", "gateway", trapped(point), None) for point in _POINTS["gateway"]),
    Fault("decider killed", "control", killed, 2),
    Fault("release worker killed", "releases", killed, 2),
    Fault("gateway killed", "gateway", killed, None),
    Fault("API killed", "api", killed, 2),
    Fault("Kafka killed", "kafka", away, 5, "back"),
    Fault("PostgreSQL killed", "postgres", away, 3, "back", stores=("postgresql",)),
    Fault("Triton killed", "triton", killed, None, users=True),
)
