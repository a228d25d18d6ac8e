"""
Python's garbage collector in a process that is waited for: it looks at what is new, and seldom.

Nearly all that such a process makes is gone by itself. What the collector looks through is what lives: states of
thousands of services, made anew with each of their messages, take it a tenth of a second.
"""

import gc
from typing import Final

AMID_ALERTS: Final = 100_000
"""After so many more objects, of which a third is garbage: every 40 s at 200 messages a second, and some megabytes."""

ELSEWHERE: Final = 10_000
"""After so many more objects, where an alert waits for nobody, or where what is done leaves no garbage at all."""


def rest_collector(new_objects: int) -> None:
    """Take all that is there by now out of its sight for good, and let so many more come before it looks again."""
    gc.freeze()
    gc.set_threshold(new_objects)
    gc.enable()
