"""A child is brought back when it ends by itself, and left alone when it was asked to end."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.core.errors import Broken
from controller.parts.process import Process, Program
from controller.supervise.child import Child

SLEEPS = """
import pathlib, sys, time
if pathlib.Path("broken").exists():
    sys.exit(1)
if not pathlib.Path("slow").exists():
    pathlib.Path("ready").touch()
time.sleep(600)
"""


def soon(true: Callable[[], bool], within_s: float = 10) -> bool:
    """Ask again and again; False when it is not true in time."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def child_that(does: str, folder: Path, changed: Callable[[], None] = lambda: None) -> Child:
    """Return a child that runs some Python; it is ready when its folder holds a file `ready`."""
    program = Program("sleeper", [sys.executable, "-c", does], folder)
    return Child(Process(program, ready=(folder / "ready").exists, deadline_s=10), changed)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A child that sleeps."""
    child = child_that(SLEEPS, tmp_path)
    yield child
    child.release()
    child.stop()


def test_a_crashed_child_is_brought_back_and_counted(child: Child) -> None:
    """After a crash the program runs again under another process id."""
    child.start()
    first = child.pid
    child.kill()
    assert soon(lambda: child.pid not in (None, first))
    assert soon(lambda: child.restarts == 1)


def test_a_stopped_child_stays_down_until_it_is_started(child: Child) -> None:
    """Whoever stops a child means it."""
    child.start()
    child.stop()
    assert not soon(lambda: child.running, within_s=0.6)
    child.start()
    assert child.running
    assert child.restarts == 0


def test_a_crash_can_be_made_to_last(child: Child) -> None:
    """A test that wants a part away can have it so, and the watch goes on afterwards."""
    child.start()
    child.kill(revive=False)
    assert not soon(lambda: child.running, within_s=0.6)
    child.start()
    child.kill()
    assert soon(lambda: child.running)


class Tardy(Process):
    """Prepares something before its program runs, as a Kafka with a new folder does."""

    def start(self) -> "Tardy":
        """Start it after a while."""
        time.sleep(0.5)
        super().start()
        return self


def test_a_child_that_is_being_started_has_not_ended_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is told of a crash while what comes before the program takes its time."""
    program = Program("sleeper", [sys.executable, "-c", SLEEPS], tmp_path)
    child = Child(Tardy(program, ready=(tmp_path / "ready").exists, deadline_s=10), lambda: None)
    try:
        child.start()
        child.kill(revive=False)
        child.start()
        assert "ended by itself" not in caplog.text
        assert child.restarts == 0
    finally:
        child.release()
        child.stop()


def test_a_child_that_cannot_live_is_tried_later_and_later(child: Child, tmp_path: Path) -> None:
    """A program that ends at once is tried again after growing pauses, not in a tight loop."""
    child.start()
    (tmp_path / "broken").touch()
    child.kill()
    time.sleep(2.5)
    assert 2 <= child.restarts <= 6


def test_stopping_does_not_wait_for_a_start_to_end(child: Child, tmp_path: Path) -> None:
    """A child that is being brought back, and does not become ready, is stopped at once all the same."""
    child.start()
    (tmp_path / "slow").touch()
    (tmp_path / "ready").unlink()
    child.kill()
    assert soon(lambda: child.restarts == 1 and child.running)
    since = time.monotonic()
    child.stop()
    assert time.monotonic() - since < 2
    assert not child.running


def test_a_child_that_never_starts_is_an_error_and_not_watched(tmp_path: Path) -> None:
    """A first start that fails is told to whoever asked for it."""
    child = child_that("raise SystemExit('no such voice')", tmp_path)
    with pytest.raises(Broken, match="no such voice"):
        child.start()
    assert not soon(lambda: child.running, within_s=0.5)
    assert child.restarts == 0


def test_changes_are_told(tmp_path: Path) -> None:
    """Whoever keeps the record hears of every start and end."""
    told: list[None] = []
    child = child_that(SLEEPS, tmp_path, lambda: told.append(None))
    child.start()
    child.stop()
    child.release()
    assert len(told) == 2


def test_a_child_that_was_let_go_is_not_started_any_more(child: Child) -> None:
    """Whoever comes too late, while everything is being stopped, leaves nothing running."""
    child.release()
    with pytest.raises(Broken, match="sleeper is not started any more"):
        child.start()
    assert not child.running
