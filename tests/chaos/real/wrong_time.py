"""A process's time of day as a file says, in seconds ahead (or behind, below 0); without the file it is right."""

import time
from pathlib import Path
from typing import Final

LOOK_EVERY_S: Final = 0.05


def put_before_time(file: Path) -> None:
    """Have `time.time` and `time.time_ns` of this process follow the file from now on."""
    real, real_ns, off = time.time, time.time_ns, _Off(file)
    time.time = lambda: real() + off.by_s()
    time.time_ns = lambda: real_ns() + off.by_s() * 1_000_000_000


class _Off:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._by_s = 0
        self._looked_s = float("-inf")

    def by_s(self) -> int:
        now_s = time.monotonic()
        if now_s - self._looked_s > LOOK_EVERY_S:
            self._looked_s = now_s
            try:
                self._by_s = int(self._file.read_text() or 0)
            except FileNotFoundError:
                self._by_s = 0
        return self._by_s
