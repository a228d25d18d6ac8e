"""
What can be done to a member of the stack, by signals, by its links, and by traps at named points.

Each is a context: it is done when the block is entered, and over when it is left.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from tests.chaos.real.stack import Stack, kind_of

Strike = Callable[[Stack, str], AbstractContextManager[None]]
"""Does it to the member of this name."""

_READY_S: Final = 60.0
_LINK_S: Final = 3.0
_AWAY_S: Final = 2.0


class NeverCame(Exception):
    """What a strike waited for did not happen."""


@contextmanager
def killed(stack: Stack, name: str) -> Iterator[None]:
    """Kill -9; whoever watches over it brings it back."""
    stack.children[name].kill()
    yield


@contextmanager
def all_killed(stack: Stack, name: str) -> Iterator[None]:
    """Kill -9 every member of its kind, and wait until those who watch over them have brought one back."""
    members = stack.named(kind_of(name))
    for other in members:
        stack.children[other].kill()
    yield
    wait(f"nobody came back of {members}", lambda: any(stack.ready(other) for other in members))


@contextmanager
def restarted(stack: Stack, name: str) -> Iterator[None]:
    """End it in order while something is asked, and start it again, as a deployment does."""
    stack.children[name].stop()
    yield
    stack.children[name].start()


@contextmanager
def away(stack: Stack, name: str) -> Iterator[None]:
    """Kill -9, and bring it back after two seconds."""
    child = stack.children[name]
    child.kill(revive=False)
    yield
    time.sleep(_AWAY_S)
    child.start()


@contextmanager
def joined(stack: Stack, name: str) -> Iterator[None]:
    """Let one more of its kind join while something is asked, and leave when it has joined."""
    spare = stack.spares[f"{kind_of(name)}-spare"]
    with stack.meanwhile(spare.start):
        yield
    spare.stop()


def also(kind: str, other: Strike, strike: Strike) -> Strike:
    """Return a strike that does another one besides, to the first member of a kind."""

    @contextmanager
    def both(stack: Stack, name: str) -> Iterator[None]:
        with other(stack, stack.named(kind)[0]), strike(stack, name):
            yield

    return both


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
        trap = stack.traps / f"{point}@{kind_of(name)}"
        trap.touch()
        yield
        try:
            wait(f"nobody came to the point {point}", lambda: not trap.exists())
        finally:
            trap.unlink(missing_ok=True)

    return strike


def without_kafka(point: str) -> Strike:
    """Return a strike that kills at a named point of `trapped`, and Kafka with it, which is back after the dead one."""

    @contextmanager
    def strike(stack: Stack, name: str) -> Iterator[None]:
        with trapped(point)(stack, name):
            yield
        stack.children["kafka"].kill(revive=False)
        wait(f"a {kind_of(name)} is not ready without Kafka", lambda: all(map(stack.ready, stack.named(kind_of(name)))))
        time.sleep(_AWAY_S)
        stack.children["kafka"].start()

    return strike


def stopped(point: str, span_s: float) -> Strike:
    """Return a strike that lets whoever comes to a named point first stand still there for so long, and then go on."""

    @contextmanager
    def strike(stack: Stack, name: str) -> Iterator[None]:
        trap, here = (stack.traps / f"{word}{point}@{kind_of(name)}" for word in ("stop-", "stopped-"))
        trap.touch()
        yield
        try:
            wait(f"nobody came to the point {point}", here.exists)
        finally:
            trap.unlink(missing_ok=True)
        time.sleep(span_s)
        _go_on(here)

    return strike


def _go_on(here: Path) -> None:
    os.killpg(int(here.read_text()), signal.SIGCONT)
    here.unlink()


def wait(otherwise: str, found: Callable[[], bool]) -> None:
    """Return when something was found. Raises NeverCame with this sentence when it never is."""
    deadline = time.monotonic() + _READY_S
    while not found():
        if time.monotonic() > deadline:
            raise NeverCame(otherwise)
        time.sleep(0.02)
