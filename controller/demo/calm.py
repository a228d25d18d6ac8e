"""Whether the machine has time for the demo: how much of its cores a process gets that asks for them."""

import os
import time
from collections.abc import Callable
from hashlib import sha256
from threading import Thread
from typing import Final

CORES: Final = 1.5
"""What the demo needs of a machine: with less, requests wait in line, and their times tell nothing of a release."""

_PIECE: Final = bytes(1024 * 1024)


def free_cores(for_s: float = 0.5) -> float:
    """
    Return how many cores two threads get that compute for a while, 0 to 2.

    Asked is what whoever has our priority would get: what computes at a lower one is in nobody's way.
    """
    used_s = [0.0, 0.0]
    begun = time.monotonic()

    def compute(number: int) -> None:
        while time.monotonic() - begun < for_s:
            sha256(_PIECE).digest()  # lets go of Python's lock meanwhile
        used_s[number] = time.thread_time()

    threads = [Thread(target=compute, args=(number,)) for number in range(len(used_s))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(used_s) / (time.monotonic() - begun)


def wait_until_calm(
    say: Callable[[str], None],
    patience_s: float = 120,
    measure: Callable[[], float] = free_cores,
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """
    Wait until the machine has time, and say so when that is not now; return the seconds that it took.

    The demo's promises have times in them, and a machine that is busy with other things keeps none of them. After
    `patience_s` it goes on all the same, and says what that means.
    """
    begun = clock()
    free = measure()
    if free >= CORES:
        return clock() - begun
    say(f"this machine is busy: {shortage(free)}; waiting until it is calm, {patience_s:.0f} s at most")
    while clock() - begun < patience_s:
        free = measure()
        if free >= CORES:
            say("the machine is calm now")
            return clock() - begun
    say(f"it stays busy ({shortage(free)}): going on, but what is promised may come too late")
    return clock() - begun


def shortage(free: float) -> str:
    """Say in words how much is free of what the demo needs."""
    return f"of its {os.cpu_count() or 1} cores {free:.1f} are free for the demo, which needs {CORES:g}"
