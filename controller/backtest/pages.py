"""Messages a page at a time: windows that change no decision go by quickly, everything else by the core."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from controller.backtest.again import Walk
from controller.backtest.quick import scan
from controller.backtest.quick.scan import Batch
from controller.backtest.quick.state import Quick, quick
from controller.backtest.windows import Windows
from controller.journal.measured import Stretch
from controller.wire.codec import SCHEMA
from controller.wire.inbound import Input

_FEW: Final = 16
"""Windows in a row that are not worth being read together; and at most so many are the core's before the next try."""

Array = Any


class Pages:
    """A walk that is given its messages in pages. What the core would have come to, it comes to."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._quick: Quick | None = None
        self._by_core = 0
        self._in_vain = 0

    def take(self, page: Sequence[Input | Stretch]) -> None:
        """Take the next messages."""
        for one in page:
            if isinstance(one, Stretch) and one.schema == SCHEMA and len(one) >= _FEW:
                self._take_windows(one)
                continue
            for message in one.each() if isinstance(one, Stretch) else (one,):
                self.settle()
                self._walk.take(message)

    def settle(self) -> None:
        """Let the walk stand where it would stand."""
        if self._quick is not None:
            self._walk.history = self._quick.settled()
            self._quick = None

    def _take_windows(self, stretch: Stretch) -> None:
        batch, sent = scan.scan(stretch.bodies), np.array(stretch.sent_ms, np.int64)
        for begin, end in pairwise((*batch.begins.tolist(), len(stretch))):
            name = batch.name(begin)
            if name is None:
                for number in range(begin, end):
                    self.settle()
                    self._walk.take(stretch.at(number))
            else:
                self._note(batch, name.decode(), begin, end)
                self._take_rollout(stretch, batch, sent, begin, end, self._walk.name_of(name.decode()))

    def _note(self, batch: Batch, rollout: str, begin: int, end: int) -> None:
        numbers = batch.numbers[begin:end]
        windows = self._walk.windows.setdefault(rollout, Windows())
        windows.count(numbers[:, [scan.START_MS, scan.END_MS, scan.CANDIDATE + scan.REQUESTS]])
        windows.memory = windows.memory or bool(numbers[:, scan.SOURCE].any())

    def _take_rollout(self, stretch: Stretch, batch: Batch, sent: Array, begin: int, end: int, rollout: str) -> None:
        while begin < end:
            running = self._walk.history.state.rollout
            if running is None or running.id != rollout:
                # Windows of one that does not run are quiet, but time goes on with them.
                self.settle()
                self._walk.wait(int(sent[begin:end].max()))
                return
            if self._by_core == 0:
                self._quick = self._quick or quick(self._walk.history)
                now = self._quick.fold(batch, sent, begin, end) if self._quick else begin
                if now < end:
                    # Where this gets nowhere again and again, something waits that no window brings, and trying costs
                    # as much as deciding.
                    self._in_vain = self._in_vain + 1 if now == begin else 0
                    self._by_core = min(_FEW, 2**self._in_vain)
                begin = now
            else:
                self._by_core -= 1
                self.settle()
                self._walk.decide(stretch.at(begin))
                begin += 1
