"""
What is due becomes a message: sleeps until the earliest timer, then fires it into the outbox.

Time itself is thereby a replayable input. Firing late is harmless, twice is absorbed by the timer's epoch, and early
cannot happen, whatever a machine's clock says: the database tells what is due, and what time it is.
"""

from typing import Final

from consumers.metrics import TIMERS_DUE
from consumers.worker import Worker

# An upper bound on one sleep: clocks are set, machines sleep, and a wake-up may be lost with its connection.
_LOOK_AGAIN_S: Final = 5.0
_SOON_S: Final = 0.001


async def run(worker: Worker) -> None:
    """Fire timers until the worker is asked to stop. Raises Unavailable when the database is away."""
    worker.not_ready("it has not looked at its timers yet")
    while not worker.stopping.is_set():
        now_ms = await worker.store.now_ms()
        next_due_ms = await worker.store.fire_due(now_ms)
        TIMERS_DUE.set((next_due_ms or 0) / 1000)
        worker.ready_when(lambda: "")
        wait_s = _LOOK_AGAIN_S if next_due_ms is None else (next_due_ms - now_ms) / 1000
        await worker.store.wait_for_timers(min(max(wait_s, _SOON_S), _LOOK_AGAIN_S))
