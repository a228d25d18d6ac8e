"""What is measured between two looks: counts of both arms, and paired scores."""

import math
from dataclasses import dataclass
from typing import Final

Histogram = tuple[tuple[int, int], ...]
"""Sparse and ascending: (bucket, count). Bucket i holds values v with BUCKET_RATIO**i <= v < BUCKET_RATIO**(i + 1)."""

BUCKET_RATIO: Final = 1.05
"""One bucket is 5 % wide: the least margin of a timing is then exactly one bucket."""

SECONDS_IN_BLOCK: Final = 10
SMALLEST_BLOCK, LARGEST_BLOCK = 5, 50


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """
    One arm in one window, counted at the gateway (a dead instance reports nothing).

    requests, failures: root requests that ended; one user's request counts once however often it was tried.
    blocks, failed_blocks: blocks of `block_size` consecutive requests on one instance that were completed, and those
        in which any request failed. Both arms use one block size, or their odds could not be compared.
    latency, ttfa: seconds. rtf: computing time over audio time. Of requests that did not fail; one that stood in line
        until another release was asked has what it waited as ttfa, as much for each group of its text as latency, and
        no rtf.
    """

    requests: int = 0
    failures: int = 0
    blocks: int = 0
    failed_blocks: int = 0
    latency: Histogram = ()
    ttfa: Histogram = ()
    rtf: Histogram = ()

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.requests:
            raise ValueError(f"failures is {self.failures}; allowed: 0 to requests, which is {self.requests}")
        if not 0 <= self.failed_blocks <= self.blocks:
            raise ValueError(f"failed_blocks is {self.failed_blocks}; allowed: 0 to blocks, which is {self.blocks}")


@dataclass(frozen=True, slots=True)
class Window:
    """
    What came in between `start_ms` and `end_ms`, milliseconds since 1970 UTC.

    mos: candidate's minus stable's predicted MOS on the same text, points, each prompt once per rollout: repeated
        prompts repeat their own bias (50 prompts in a circle took 12.8 % of healthy candidates back).
    ratings: each listener's mean of candidate minus stable, points; never single ratings, which one person repeats.
    """

    start_ms: int
    end_ms: int
    candidate: ArmCounts = ArmCounts()
    stable: ArmCounts = ArmCounts()
    mos: tuple[float, ...] = ()
    ratings: tuple[float, ...] = ()


def bucket_of(value: float) -> int:
    """Return the histogram bucket of a positive value, such as seconds."""
    return math.floor(math.log(value) / math.log(BUCKET_RATIO))


def block_size(requests_per_s: float) -> int:
    """
    Return how many consecutive requests make a block.

    requests_per_s: what one instance of the *candidate* serves; the stable arm uses the same size.
    Ten seconds of requests: noise that they share (a pause, a retry storm) then counts once.
    """
    return min(LARGEST_BLOCK, max(SMALLEST_BLOCK, round(requests_per_s * SECONDS_IN_BLOCK)))
