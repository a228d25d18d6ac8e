"""
int16 samples to what a player takes: MP3, Opus, AAC and FLAC by FFmpeg's libraries, WAV and PCM by hand.

FFmpeg's work is off the event loop, in a few threads; it lets go of the interpreter lock while it encodes.
"""

import asyncio
import io
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

Samples = bytes | memoryview
"""int16, little-endian, mono."""

_UNKNOWN_BYTES: Final = 0xFFFF_FFFF


class Format(StrEnum):
    """OpenAI's `response_format`."""

    MP3 = "mp3"
    OPUS = "opus"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"
    PCM = "pcm"


@dataclass(frozen=True, slots=True)
class _Codec:
    """How FFmpeg makes a format. rate_hz: the only rate it takes, or None for the audio's own."""

    container: str
    name: str
    bit_rate: int | None
    rate_hz: int | None = None


_CODECS = {
    Format.MP3: _Codec("mp3", "libmp3lame", 96_000),
    Format.OPUS: _Codec("ogg", "libopus", 48_000, rate_hz=48_000),
    Format.AAC: _Codec("adts", "aac", 96_000),
    Format.FLAC: _Codec("flac", "flac", None),
}

# What a stream's container must leave out (a header with the length) or not wait for (a full page).
_STREAMED = {"mp3": {"write_xing": "0", "id3v2_version": "0"}, "ogg": {"page_duration": "200000"}}

_CONTENT_TYPES = {
    Format.MP3: "audio/mpeg",
    Format.OPUS: "audio/ogg; codecs=opus",
    Format.AAC: "audio/aac",
    Format.FLAC: "audio/flac",
    Format.WAV: "audio/wav",
}


def content_type(kind: Format, rate_hz: int) -> str:
    """Return the media type; PCM has no header, so its type says how to read it."""
    return _CONTENT_TYPES.get(kind) or f"audio/pcm; rate={rate_hz}; channels=1"


class Encoder:
    """One utterance on its way out: `feed` samples in order, then `finish`; each returns what is ready to send."""

    def __init__(self, kind: Format, rate_hz: int, samples_bytes: int | None = None) -> None:
        """samples_bytes: how much will be fed in all, or None when that is not known yet, as in a stream."""
        self._rate_hz = rate_hz
        self._header = b""
        self._av: _AvEncoder | None = None
        if kind is Format.WAV:
            self._header = _wav_header(rate_hz, samples_bytes)
        elif kind is not Format.PCM:
            self._av = _AvEncoder(_CODECS[kind], rate_hz, streamed=samples_bytes is None)

    @property
    def plain(self) -> bool:
        """Whether samples are sent as they are, perhaps behind a header, so that encoding takes no time."""
        return self._av is None

    def feed(self, samples: Samples) -> Samples:
        """Take samples (a whole number of them); return encoded bytes, perhaps none yet."""
        if self._av:
            return self._av.feed(samples)
        if self._header:
            header, self._header = self._header, b""
            return b"".join((header, samples))
        return samples

    def finish(self) -> Samples:
        """Return the rest; the encoder is spent then."""
        return self._av.finish() if self._av else b""


class Encoders:
    """A small pool of threads that encoders share, so that a burst of MP3s cannot hold up the event loop."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")

    async def whole(self, kind: Format, rate_hz: int, audio: Sequence[Samples]) -> Samples:
        """Encode a finished utterance, given in pieces."""
        samples = audio[0] if len(audio) == 1 else b"".join(audio)
        if kind is Format.PCM:
            return samples
        if kind is Format.WAV:
            return b"".join((_wav_header(rate_hz, len(samples)), samples))
        return await asyncio.get_running_loop().run_in_executor(self._pool, _encode, kind, rate_hz, samples)

    async def feed(self, encoder: Encoder, samples: Samples) -> Samples:
        """Do `encoder.feed(samples)`, off the event loop when it takes time."""
        if encoder.plain:
            return encoder.feed(samples)
        return await asyncio.get_running_loop().run_in_executor(self._pool, encoder.feed, samples)

    async def finish(self, encoder: Encoder) -> Samples:
        """Do `encoder.finish()`, off the event loop when it takes time."""
        if encoder.plain:
            return encoder.finish()
        return await asyncio.get_running_loop().run_in_executor(self._pool, encoder.finish)

    def close(self) -> None:
        """Let the threads end once they are done."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _encode(kind: Format, rate_hz: int, samples: Samples) -> bytes:
    encoder = _AvEncoder(_CODECS[kind], rate_hz, streamed=False)
    head = encoder.feed(samples)
    return head + encoder.finish()


class _AvEncoder:
    def __init__(self, codec: _Codec, rate_hz: int, *, streamed: bool) -> None:
        self._rate_hz = rate_hz
        self._samples = 0
        # A whole file is seekable: its header then gives the true length. A stream's header cannot.
        self._sink: _Pipe | _File = _Pipe() if streamed else _File()
        options = {"flush_packets": "1", **_STREAMED.get(codec.container, {})} if streamed else {}
        self._container: OutputContainer = av.open(self._sink, "w", format=codec.container, options=options)
        stream = self._container.add_stream(codec.name, rate=codec.rate_hz or rate_hz)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._stream.codec_context.layout = "mono"
        if codec.bit_rate is not None:
            self._stream.codec_context.bit_rate = codec.bit_rate

    def feed(self, samples: Samples) -> bytes:
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
        frame.planes[0].update(samples)  # type: ignore[arg-type]  # takes any buffer; its stub says bytes only
        frame.sample_rate = self._rate_hz
        frame.pts = self._samples
        self._samples += frame.samples
        self._container.mux(self._stream.encode(frame))
        return self._sink.ready()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.rest()


class _Pipe:
    """Where FFmpeg writes a stream: no seek, and each piece is handed on as soon as it is there."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def ready(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    rest = ready


class _File(io.BytesIO):
    """Where FFmpeg writes a whole file: it goes back to its header at the end, so nothing is ready before."""

    def ready(self) -> bytes:
        return b""

    def rest(self) -> bytes:
        return self.getvalue()


def _wav_header(rate_hz: int, samples_bytes: int | None) -> bytes:
    # Players read "as long as it goes" from the largest length that the field can hold.
    data = _UNKNOWN_BYTES if samples_bytes is None else samples_bytes
    riff = _UNKNOWN_BYTES if samples_bytes is None else samples_bytes + 36
    shape = struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz * 2, 2, 16)
    return b"".join(
        (b"RIFF", struct.pack("<I", riff), b"WAVEfmt ", struct.pack("<I", 16), shape, b"data", struct.pack("<I", data))
    )
