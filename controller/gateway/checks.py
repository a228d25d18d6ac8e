"""
Hard checks of what a release answered, on every utterance: is there a sound, and does its length fit the text?

The screen on the hot path is two passes over the samples (15 us for 2 s of audio); only what it suspects is measured.
"""

from enum import StrEnum
from typing import Final

import numpy as np

from controller.quality.audio import CLIPPED_ABOVE, FULL_SCALE, SILENT_BELOW, measure

_LEAST_S_PER_CHARACTER: Final = 0.01
_MOST_S_PER_CHARACTER: Final = 1.0
_MOST_S_ANYWAY: Final = 10.0


class Check(StrEnum):
    """What can be plainly wrong with audio; the label `check` of segue_audio_check_failures_total."""

    EMPTY = "empty"
    TORN = "torn"
    SILENT = "silent"
    CLIPPED = "clipped"
    SHORT = "short"
    LONG = "long"

    @property
    def unusable(self) -> bool:
        """Say whether nobody should be sent this; the others are counted and sent, for they may be the voice's own."""
        return self in (Check.EMPTY, Check.TORN, Check.SILENT)


def check_audio(audio: bytes | memoryview, rate_hz: int, characters: int, speed: float) -> Check | None:
    """Name the worst that is wrong with int16 audio; None when all is well. characters: letters and digits spoken."""
    if not audio:
        return Check.EMPTY
    if len(audio) % 2:
        return Check.TORN
    samples = np.frombuffer(audio, dtype="<i2")
    peak = max(int(samples.max()), -int(samples.min()))
    if peak < SILENT_BELOW * FULL_SCALE:
        return Check.SILENT
    if peak >= FULL_SCALE and measure(audio, rate_hz).clipped > CLIPPED_ABOVE:
        return Check.CLIPPED
    spoken_s = samples.size / rate_hz * speed
    if spoken_s < characters * _LEAST_S_PER_CHARACTER:
        return Check.SHORT
    if spoken_s > characters * _MOST_S_PER_CHARACTER + _MOST_S_ANYWAY:
        return Check.LONG
    return None
