"""Which operation of which process a fault strikes: the next one of its kind, from a moment on."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from tests.simulation.schedule import Event, Fault


class Operation(StrEnum):
    """What processes ask of the outside."""

    READ = "read"
    WRITE = "write"
    ACKNOWLEDGE = "acknowledge"
    SEND = "send"
    POLL = "poll"
    START = "start"
    WAKE = "wake"


STRIKES: Final = {
    Fault.READ_REFUSED: Operation.READ,
    Fault.WRITE_REFUSED: Operation.WRITE,
    Fault.WRITE_RIVALLED: Operation.WRITE,
    Fault.COMMIT_UNANSWERED: Operation.WRITE,
    Fault.LATE_COMMIT: Operation.WRITE,
    Fault.ACK_REFUSED: Operation.ACKNOWLEDGE,
    Fault.ACK_UNANSWERED: Operation.ACKNOWLEDGE,
    Fault.SEND_REFUSED: Operation.SEND,
    Fault.SEND_UNANSWERED: Operation.SEND,
    Fault.POLL_FAILED: Operation.POLL,
    Fault.POLL_SLOW: Operation.POLL,
    Fault.START_REFUSED: Operation.START,
    Fault.WAKE_LOST: Operation.WAKE,
}
"""Which operation each fault strikes; all others happen at their time."""


class Faults:
    """The faults of a schedule that strike operations; struck: those that did so far."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._waiting: defaultdict[tuple[str, Operation], list[Event]] = defaultdict(list)
        for one in sorted(events, key=lambda one: one.at_s, reverse=True):
            if one.fault in STRIKES:
                self._waiting[one.process, STRIKES[one.fault]].append(one)
        self.struck: list[Event] = []

    def next(self, process: str, operation: Operation) -> Event | None:
        """Return what strikes an operation that is begun now: whatever was to come by now and has struck none yet."""
        waiting = self._waiting.get((process, operation))
        if not waiting or waiting[-1].at_s > asyncio.get_running_loop().time():
            return None
        self.struck.append(waiting.pop())
        return self.struck[-1]
