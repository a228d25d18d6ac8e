"""
Hard checks of speech: is there a sound at all, and is it whole?

These find what is broken beyond taste (silence, clipping, a constant); whether a voice is pleasant is not their matter.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

FULL_SCALE: Final = 32_767
SILENT_BELOW: Final = 0.003
"""Peak, as a share of full scale, below which nobody hears speech: -50 dB."""
CLIPPED_ABOVE: Final = 0.001
"""Share of samples at full scale above which speech is torn; a healthy utterance touches it a few times at most."""


@dataclass(frozen=True, slots=True)
class Sound:
    """audio_s: length, seconds. peak, rms: of full scale, 0 to 1. clipped: share of samples at full scale."""

    audio_s: float
    peak: float
    rms: float
    clipped: float


def measure(pcm: bytes | memoryview, sample_rate_hz: int) -> Sound:
    """
    Measure one utterance.

    pcm: mono little-endian int16 samples. Raises ValueError when it is no whole number of samples.
    """
    samples = np.frombuffer(pcm, dtype="<i2")
    if samples.size == 0:
        return Sound(0.0, 0.0, 0.0, 0.0)
    # int32 first: the magnitude of -32768 does not fit into 16 bits.
    magnitude = np.abs(samples.astype(np.int32))
    return Sound(
        audio_s=samples.size / sample_rate_hz,
        peak=min(float(magnitude.max()) / FULL_SCALE, 1.0),
        rms=min(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) / FULL_SCALE, 1.0),
        clipped=float(np.count_nonzero(magnitude >= FULL_SCALE)) / samples.size,
    )


def fault(sound: Sound) -> str:
    """Name what is plainly wrong with a sound, or give "" when nothing is."""
    if sound.audio_s == 0:
        return "no audio came back"
    if sound.peak < SILENT_BELOW:
        return f"the audio is silent (peak {sound.peak:.4f} of full scale)"
    if sound.clipped > CLIPPED_ABOVE:
        return f"the audio is clipped ({100 * sound.clipped:.1f} % of its samples at full scale)"
    return ""
