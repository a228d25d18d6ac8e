"""Messages a page at a time: windows that change no decision go by quickly, everything else by the core."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np

from controller.backtest.again import Walk
from controller.backtest.quick import scan
from controller.backtest.quick.scan import Batch
from controller.backtest.quick.state import Quick, quick
from controller.backtest.windows import Windows
from controller.journal.inputs import Measured
from controller.wire.codec import SCHEMA
from controller.wire.inbound import Input

_FEW: Final = 16
"""Windows in a row that are not worth being read together; and after one that the core decides, so many are its own."""

Array = Any


class Pages:
    """A walk that is given its messages in pages. What the core would have come to, it comes to."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._quick: Quick | None = None
        self._by_core = 0

    def take(self, page: Sequence[Input | Measured]) -> None:
        """Take the next messages."""
        for windows, messages in groupby(page, _is_window):
            together = list(messages)
            if windows and len(together) >= _FEW:
                self._take_windows([one for one in together if isinstance(one, Measured)])
            else:
                for one in together:
                    self.settle()
                    self._walk.take(one)

    def settle(self) -> None:
        """Let the walk stand where it would stand."""
        if self._quick is not None:
            self._walk.history = self._quick.settled()
            self._quick = None

    def _take_windows(self, messages: Sequence[Measured]) -> None:
        batch = scan.scan([one.body for one in messages])
        sent = np.array([one.sent_ms for one in messages], np.int64)
        begin = 0
        for name, numbers in groupby(range(len(messages)), batch.name):
            end = begin + sum(1 for _ in numbers)
            if name is None:
                for one in messages[begin:end]:
                    self.settle()
                    self._walk.take(one)
            else:
                self._note(batch, name.decode(), begin, end)
                self._take_rollout(messages, batch, sent, begin, end, self._walk.name_of(name.decode()))
            begin = end

    def _note(self, batch: Batch, rollout: str, begin: int, end: int) -> None:
        numbers = batch.numbers[begin:end]
        windows = self._walk.windows.setdefault(rollout, Windows())
        windows.count(numbers[:, [scan.START_MS, scan.END_MS, scan.CANDIDATE + scan.REQUESTS]])
        windows.memory = windows.memory or bool(numbers[:, scan.SOURCE].any())

    def _take_rollout(
        self, messages: Sequence[Measured], batch: Batch, sent: Array, begin: int, end: int, rollout: str
    ) -> None:
        while begin < end:
            running = self._walk.history.state.rollout
            if running is None or running.id != rollout:
                # Windows of one that does not run are quiet, and what comes due meanwhile does so at its own time.
                return
            if self._by_core == 0:
                self._quick = self._quick or quick(self._walk.history)
                now = self._quick.fold(batch, sent, begin, end) if self._quick else begin
                # Where this gets nowhere, something waits that no window brings, and trying costs more than deciding.
                self._by_core = _FEW if now == begin else 1
                begin = now
            else:
                self._by_core -= 1
                self.settle()
                self._walk.decide(messages[begin])
                begin += 1


def _is_window(message: Input | Measured) -> bool:
    return isinstance(message, Measured) and message.schema == SCHEMA
