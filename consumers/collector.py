"""Python's garbage collector in a process that decides: it looks at what is new, and seldom."""

import gc
from typing import Final

_NEW_OBJECTS: Final = 10_000
"""After so many more it looks at them. By default after 700, amid every batch, of which nothing is garbage yet."""


def rest_collector() -> None:
    """Take all that is there by now out of its sight for good, and let more come before it looks again."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    gc.enable()
