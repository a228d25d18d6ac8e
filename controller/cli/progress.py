"""How far long work has got, on standard error, so that standard output stays the answer's own."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_EVERY_S: Final = 0.2
_LOGGED_EVERY_S: Final = 10.0


class Progress:
    """Tells what is counted and how much of it: one line that changes on a terminal, else a line every ten seconds."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._told_s = time.monotonic() if not self._terminal else 0.0

    def __call__(self, what: str, number: int, of: int = 0) -> None:
        """of: how many there are in all; 0 when nobody knows."""
        now_s = time.monotonic()
        if now_s - self._told_s < (_EVERY_S if self._terminal else _LOGGED_EVERY_S):
            return
        self._told_s = now_s
        told = f"{what}: {number:,}" + (f" of {of:,}" if of else "")
        sys.stderr.write(f"\r{told}\x1b[K" if self._terminal else f"{told}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the terminal's line empty for what comes."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def shown() -> Iterator[Progress]:
    """Show progress for as long as the block lasts."""
    progress = Progress()
    try:
        yield progress
    finally:
        progress.end()
