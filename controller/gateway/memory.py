"""
Memory that speech is held in is kept for the speech that comes next.

An answer of some seconds is a few hundred kilobytes, held three times on its way. glibc gives so much back to the
kernel as soon as it is free, and takes it anew for the next answer, page by page.
"""

import ctypes
from typing import Final

# Of malloc.h: above the first, what is free at the heap's end goes back to the kernel; what is as large as the second
# is no part of the heap.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 64 * 2**20
_LARGE_BYTES: Final = 4 * 2**20
"""Above three quarters of a minute of audio."""


def keep_memory() -> None:
    """Have malloc keep up to 64 MiB that are free; without glibc nothing is changed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
