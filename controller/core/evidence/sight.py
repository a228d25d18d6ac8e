"""How well we see: a feed of measurements that is late is no news, and no news is neither good nor bad."""

from enum import StrEnum
from typing import Final

FROZEN_AFTER_MS: Final = 30_000
BLIND_AFTER_MS: Final = 300_000


class Sight(StrEnum):
    """CLEAR: go on. FROZEN: no step forward. BLIND: one step back, with the reason "blind"."""

    CLEAR = "clear"
    FROZEN = "frozen"
    BLIND = "blind"


def sight(seen_ms: int, now_ms: int, *, traffic: bool) -> Sight:
    """
    Say what the age of the last window means.

    seen_ms: `Evidence.seen_ms`, or when the step began if that is later; milliseconds since 1970, as is now_ms.
    traffic: whether users are served; where nobody asks, nothing can be measured and nobody is hurt.
    """
    age_ms = now_ms - seen_ms
    if not traffic or age_ms <= FROZEN_AFTER_MS:
        return Sight.CLEAR
    return Sight.BLIND if age_ms > BLIND_AFTER_MS else Sight.FROZEN
