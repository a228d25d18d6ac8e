"""What callers can play: every format decodes to the length and the level that went in."""

import io
import math
import wave
from array import array

import av
import numpy as np
import pytest

from controller.gateway.encode import Encoder, Encoders, Format, content_type

RATE_HZ = 44_100
SECONDS = 2
TONE = array(
    "h", (round(16_384 * math.sin(2 * math.pi * 440 * index / RATE_HZ)) for index in range(RATE_HZ * SECONDS))
).tobytes()
DECODABLE = [kind for kind in Format if kind is not Format.PCM]


def decoded(data: bytes) -> tuple[float, float]:
    """Return seconds and RMS of full scale of encoded audio."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        to_float = av.AudioResampler(format="flt", layout="mono", rate=stream.rate)
        samples = np.concatenate(
            [part.to_ndarray()[0] for frame in container.decode(stream) for part in to_float.resample(frame)]
        )
        assert stream.channels == 1
        return samples.size / stream.rate, float(np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize("kind", DECODABLE)
async def test_whole_utterance_keeps_length_and_level(kind: Format) -> None:
    """A finished utterance, given in pieces, decodes to 2 s at the level that went in."""
    encoders = Encoders()
    data = await encoders.whole(kind, RATE_HZ, [TONE[:44_100], memoryview(TONE)[44_100:]])
    seconds, rms = decoded(bytes(data))
    assert seconds == pytest.approx(SECONDS, abs=0.06)
    # LAME turns everything down by half a decibel, and a stream of MP3 begins and ends with a little silence.
    assert rms == pytest.approx(0.5 / math.sqrt(2), rel=0.08)
    encoders.close()


@pytest.mark.parametrize("kind", DECODABLE)
def test_stream_keeps_length_and_level(kind: Format) -> None:
    """A stream is playable, and most of a piece is out before the next one goes in."""
    encoder = Encoder(kind, RATE_HZ)
    pieces = [bytes(encoder.feed(TONE[start : start + 44_100])) for start in range(0, len(TONE), 44_100)]
    assert all(len(piece) > 1000 for piece in pieces)
    seconds, rms = decoded(b"".join([*pieces, encoder.finish()]))
    assert seconds == pytest.approx(SECONDS, abs=0.06)
    # LAME turns everything down by half a decibel, and a stream of MP3 begins and ends with a little silence.
    assert rms == pytest.approx(0.5 / math.sqrt(2), rel=0.08)


async def test_pcm_is_what_the_model_said() -> None:
    """PCM is passed on as it is, and its media type says how to read it."""
    encoders = Encoders()
    samples = memoryview(TONE)
    assert await encoders.whole(Format.PCM, RATE_HZ, [samples]) is samples
    assert content_type(Format.PCM, RATE_HZ) == "audio/pcm; rate=44100; channels=1"
    encoders.close()


async def test_wav_header_is_exact() -> None:
    """A strict reader finds one channel, 16 bits, 44.1 kHz and the true number of samples."""
    encoders = Encoders()
    data = await encoders.whole(Format.WAV, RATE_HZ, [TONE])
    with wave.open(io.BytesIO(data)) as reader:
        assert reader.getparams()[:4] == (1, 2, RATE_HZ, RATE_HZ * SECONDS)
    encoders.close()


def test_streamed_opus_is_resampled() -> None:
    """Opus knows no 44.1 kHz: it goes out at 48 kHz, at the same pitch."""
    encoder = Encoder(Format.OPUS, RATE_HZ)
    data = b"".join([encoder.feed(TONE), encoder.finish()])
    with av.open(io.BytesIO(data), "r") as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    crossings = int(np.count_nonzero(np.diff(np.signbit(samples[4_800:52_800]))))
    assert crossings == pytest.approx(2 * 440, abs=4)
