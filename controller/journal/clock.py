"""
One time of day for all processes on a database: PostgreSQL's own, carried on here by the monotonic clock.

The clock of a machine may be wrong, and be set while it runs. When a fact was written down must not depend on whose
decider it was, or facts would seem to be written before they happened. SQLite's processes share the machine's clock.
"""

import time
from typing import Final

from sqlalchemy import Connection, text

_TRUSTED_S: Final = 60.0
"""Asked again after so long: two clocks drift apart by less than a millisecond meanwhile."""

_JUMP_S: Final = 1.0
"""Asked again when the machine's clock went on by so much more or less: it slept, and the monotonic one stood still."""


class ServerClock:
    """What the server said last, and when that was."""

    def __init__(self) -> None:
        self._said_ms = 0
        self._heard_s = self._wall_s = float("-inf")

    @property
    def known(self) -> bool:
        """Say whether it was asked lately, and the time since then is known."""
        passed_s = time.monotonic() - self._heard_s
        return passed_s < _TRUSTED_S and abs(_wall_s() - self._wall_s - passed_s) < _JUMP_S

    def hear(self, now_ms: int) -> int:
        """Take what the server says now, milliseconds since 1970, and return it."""
        self._said_ms, self._heard_s, self._wall_s = now_ms, time.monotonic(), _wall_s()
        return now_ms

    def now_ms(self) -> int:
        """Return the time since 1970, milliseconds; meaningless before the server was heard."""
        return self._said_ms + int((time.monotonic() - self._heard_s) * 1000)


def _wall_s() -> float:
    return time.time_ns() / 1e9


def machine_ms() -> int:
    """Return the time by this machine's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def asked(connection: Connection) -> int:
    """Return the time by PostgreSQL's clock, milliseconds since 1970."""
    return int(connection.scalar(_NOW) or 0)


_NOW: Final = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
