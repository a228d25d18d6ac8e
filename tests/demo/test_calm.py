"""The demo waits for a machine that has time, and says so: what it promises has times in it."""

import os
import subprocess
import sys

from controller.demo.calm import CORES, free_cores, wait_until_calm


class Machine:
    """One that has so much time at each look; a look takes half a second."""

    def __init__(self, *free: float) -> None:
        self.free = list(free)
        self.now_s = 0.0
        self.said: list[str] = []

    def look(self) -> float:
        """Return what is free now; what comes last stays."""
        self.now_s += 0.5
        return self.free.pop(0) if len(self.free) > 1 else self.free[0]

    def waited_s(self) -> float:
        """Wait for it as the demo does, ten seconds at most; return for how long."""
        return wait_until_calm(self.said.append, 10, self.look, lambda: self.now_s)


def test_a_calm_machine_is_not_waited_for() -> None:
    """Where enough is free the demo begins, without a word."""
    machine = Machine(CORES)
    assert machine.waited_s() == 0.5
    assert machine.said == []


def test_a_busy_machine_is_waited_for() -> None:
    """The demo says what it waits for and how much is there, and begins as soon as there is enough."""
    machine = Machine(0.3, 0.4, 1.9)
    assert machine.waited_s() == 1.5
    waits, calm = machine.said
    assert "0.3 are free for the demo, which needs 1.5" in waits
    assert "waiting until it is calm, 10 s at most" in waits
    assert calm == "the machine is calm now"


def test_a_machine_that_stays_busy_is_not_waited_for_without_end() -> None:
    """When its patience is over the demo goes on, and says that promises may be broken for it."""
    machine = Machine(0.3)
    assert machine.waited_s() == 10
    assert machine.said[-1].startswith("it stays busy (of its ")
    assert machine.said[-1].endswith("going on, but what is promised may come too late")


def test_what_others_compute_is_not_free() -> None:
    """Beside four busy processes a core, the demo gets less than it needs."""
    spin = [sys.executable, "-S", "-c", "print(flush=True)\nwhile True: pass"]
    busy = [subprocess.Popen(spin, stdout=subprocess.PIPE) for _ in range(4 * (os.cpu_count() or 1))]
    try:
        for one in busy:
            assert one.stdout is not None
            one.stdout.readline()
        assert 0 < free_cores() < CORES
    finally:
        for one in busy:
            one.kill()
            one.communicate()
