"""
A library's complaints, each once in a while.

While Kafka is away aiokafka repeats itself ten times a second for every consumer; the first of each kind says it all.
"""

import logging
import time
from typing import Final

_EVERY_S: Final = 10.0


class OnceInAWhile(logging.Filter):
    """Lets one record of each kind (logger and unfilled message) through in `every_s` seconds."""

    def __init__(self, every_s: float = _EVERY_S) -> None:
        super().__init__()
        self._every_s = every_s
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether this record may pass."""
        kind, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._last.get(kind, -self._every_s) < self._every_s:
            return False
        self._last[kind] = now
        return True


def hush(*names: str) -> None:
    """Quieten loggers and those below them, as far as they exist by now."""
    filter = OnceInAWhile()
    for name in list(logging.Logger.manager.loggerDict):
        if any(name == top or name.startswith(f"{top}.") for top in names):
            logging.getLogger(name).addFilter(filter)
