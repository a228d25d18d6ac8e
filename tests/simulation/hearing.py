"""What processes log as an error: in a simulation every fault is one that they are made for, so none is expected."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tests.simulation.process import RUNNING

_NAMES: Final = ("consumers", "controller", "asyncio")

_MEANT: Final = ("is left alone", "passed over a routing table")
"""Errors that are to be said: of a partition of which a record cannot be taken apart, and of a table that is none."""


class _Ear(logging.Handler):
    def __init__(self, say: Callable[[str, str], None]) -> None:
        super().__init__(logging.ERROR)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of an error, unless who logs it is being killed."""
        process = RUNNING.get()
        if process is not None and process.alive and not any(one in str(record.msg) for one in _MEANT):
            why = f" ({record.exc_info[1]!r})" if record.exc_info else ""
            self._say("error", f"{process.name} logs: {record.getMessage()}{why}")


@contextmanager
def heard(say: Callable[[str, str], None]) -> Iterator[None]:
    """Tell `say` of every error that is logged while the block runs; nothing that is less is even put into words."""
    ear = _Ear(say)
    loggers = [logging.getLogger(name) for name in _NAMES]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(ear)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(ear)
            logger.setLevel(level)
            logger.propagate = propagate
