"""
What is done to the stack, what is promised of it, and how soon all must be well again.

A fault is a context: it is done when the block is entered, and over when it is left.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from tests.chaos.real.stack import Stack

Strike = Callable[[Stack, str], AbstractContextManager[None]]
"""Does it to the member of this name."""

_READY_S: Final = 60.0
_LINK_S: Final = 4.0


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


def paused(span_s: float) -> Strike:
    """Return a strike that stops a member for so long, and then lets it go on as if nothing had been."""

    @contextmanager
    def strike(stack: Stack, name: str) -> Iterator[None]:
        stack.signal(name, signal.SIGSTOP)
        yield
        time.sleep(span_s)
        stack.signal(name, signal.SIGCONT)

    return strike


def cut(part: str) -> Strike:
    """Return a strike that cuts a member off from a part for a while: connections close, and none can be made."""

    @contextmanager
    def strike(stack: Stack, name: str) -> Iterator[None]:
        with stack.toxiproxy.cut(f"{name}.{part}"):
            yield
            time.sleep(_LINK_S)

    return strike


def poisoned(part: str, kind: str, **attributes: int) -> Strike:
    """Return a strike that gives a member's link to a part one of Toxiproxy's toxics for a while."""

    @contextmanager
    def strike(stack: Stack, name: str) -> Iterator[None]:
        with stack.toxiproxy.toxic(kind, f"{name}.{part}", **attributes):
            yield
            time.sleep(_LINK_S)

    return strike


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

_LINKS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "decider and Kafka": ("control", "kafka", ("postgresql", "sqlite")),
    "decider and PostgreSQL": ("control", "postgres", ("postgresql",)),
    "gateway and Kafka": ("gateway", "kafka", ("postgresql", "sqlite")),
}


def _between(what: str, strike: Callable[[str], Strike], goal_s: float) -> Iterator[Fault]:
    for between, (kind, part, stores) in _LINKS.items():
        yield Fault(f"link of {between} {what}", kind, strike(part), goal_s, "back", stores=stores)


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
    Fault("decider paused for 30 s", "control", paused(30), 10),
    Fault("gateway paused for 12 s", "gateway", paused(12), 5, "back", users=True),
    Fault("Kafka paused for 3 s", "kafka", paused(3), 5, "back"),
    Fault("PostgreSQL paused for 3 s", "postgres", paused(3), 3, "back", stores=("postgresql",)),
    *_between("cut", cut, 5),
    *_between("half open", lambda part: poisoned(part, "timeout", timeout=0), 5),
    *_between("reset", lambda part: poisoned(part, "reset_peer", timeout=0), 5),
    *_between("slow by 0.5 s", lambda part: poisoned(part, "latency", latency=500), 5),
    *_between("cut off after 2 kB", lambda part: poisoned(part, "limit_data", bytes=2_000), 5),
)
