"""
Clocks that jump: each of our processes adds to the time of day what its file says, while its monotonic time goes on.

libfaketime would do it from outside, but makes sleeps fail in Python 3.11; so `trapped` puts `wrong_time` in front of
`time` before anything else is imported. What that does not reach: the database's own clock, and the broker's.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.chaos.real.stack import Stack
from tests.chaos.real.strikes import Strike
from tests.chaos.real.wrong_time import LOOK_EVERY_S

_WRONG_S: Final = 4.0


def jumped(by_s: int) -> Strike:
    """Return a strike that sets a member's clock ahead (or back, below 0) for a while, and then right again."""

    @contextmanager
    def strike(stack: Stack, name: str) -> Iterator[None]:
        clock = stack.clock(name)
        clock.write_text(str(by_s))
        time.sleep(2 * LOOK_EVERY_S)
        yield
        time.sleep(_WRONG_S)
        clock.unlink()

    return strike
