"""Audio as it is made: early, whole, and never taken over by another release once it began."""

import io
import time

import aiohttp
import av
import pytest

from controller.core.routing import Arm
from controller.gateway.engine import ModelFailed, Spoken
from controller.gateway.triton import TritonEngine
from tests.gateway.stage import SERVICE, SPEECH, Tones, gateway, table, until

PAGE = "It was the best of times, it was the worst of times. " * 20


async def test_first_audio_comes_while_the_rest_is_made(engine: TritonEngine, tones: Tones) -> None:
    """Of a long text the first bytes are there in a fraction of the time that the whole takes."""
    async with gateway(engine, table(1, stable=tones["slow"])) as gate:
        began_s = time.perf_counter()
        body = {"model": SERVICE, "input": PAGE, "response_format": "pcm", "stream": True}
        async with gate.http.post(SPEECH, json=body) as answer:
            assert "content-length" not in answer.headers
            await answer.content.readany()
            first_s = time.perf_counter() - began_s
            await answer.read()
            whole_s = time.perf_counter() - began_s
        assert first_s < whole_s / 2
        labels = {"release": "1.0.0-slow", "arm": "stable"}
        assert (
            gate.count("segue_first_audio_seconds_sum", **labels)
            < gate.count("segue_request_seconds_sum", **labels) / 2
        )


async def test_stream_is_what_the_whole_would_be(engine: TritonEngine, tones: Tones) -> None:
    """Streamed and whole PCM of one text are the same bytes."""
    async with gateway(engine, table(1, stable=tones["good"])) as gate:
        _, whole = await gate.say(PAGE)
        _, streamed = await gate.say(PAGE, stream_format="audio")
        assert streamed == whole
        assert gate.count("segue_characters_total", release="1.0.0-good", arm="stable") == 2 * len(PAGE)


async def test_stream_of_one_group_is_sent_whole(engine: TritonEngine, tones: Tones) -> None:
    """What one inference speaks is whole when its first audio is there: it says how long it is, and is sent at once."""
    async with gateway(engine, table(1, stable=tones["good"])) as gate:
        answer, data = await gate.say(stream=True)
        assert answer.headers["content-length"] == str(len(data))
        assert gate.count("segue_requests_total", release="1.0.0-good", arm="stable", outcome="ok") == 1


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac", "wav"])
async def test_every_format_streams(engine: TritonEngine, tones: Tones, kind: str) -> None:
    """A streamed page decodes to as many seconds as its text has, in every format."""
    async with gateway(engine, table(1, stable=tones["good"])) as gate:
        answer, data = await gate.say(PAGE, response_format=kind, stream=True)
        assert answer.headers["content-type"].startswith("audio/")
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        seconds = sum(frame.samples for frame in container.decode(stream)) / stream.rate
    # 50 ms a character, less the blanks between groups, which are not spoken.
    assert seconds == pytest.approx(0.05 * len(PAGE), rel=0.02)


async def test_candidate_that_fails_at_once_is_taken_over(engine: TritonEngine, tones: Tones) -> None:
    """Before the first byte a stream fails over like anything else."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["failing"], weight_bp=10_000)) as gate:
        answer, data = await gate.say(PAGE, stream=True)
        assert (answer.status, answer.headers["x-segue-arm"]) == (200, "stable")
        assert len(data) > 1_000_000


async def test_release_that_fails_midway_breaks_the_stream(engine: TritonEngine, tones: Tones) -> None:
    """After the first byte no other voice goes on: the connection breaks, so nobody takes a part for the whole."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["short"], weight_bp=10_000)) as gate:
        with pytest.raises(aiohttp.ClientPayloadError):
            await gate.say(PAGE, stream=True)
        await until(lambda: gate.count("segue_user_requests_total", code="502") == 1)
        assert gate.count("segue_broken_streams_total", release="1.0.0-short") == 1
        labels = {"release": "1.0.0-short", "arm": "candidate"}
        assert gate.count("segue_requests_total", outcome="error", **labels) == 2
        assert gate.count("segue_requests_total", outcome="ok", **labels) == 0
        assert gate.count("segue_inflight", release="1.0.0-short") == 0


async def test_whole_utterance_of_the_same_release_is_saved(engine: TritonEngine, tones: Tones) -> None:
    """What breaks a stream costs a whole utterance nothing: stable speaks all of it."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["short"], weight_bp=10_000)) as gate:
        answer, data = await gate.say(PAGE)
        assert answer.headers["x-segue-failed-over-from"] == "1.0.0-short"
        _, alone = await gate.say(PAGE, headers={"x-segue-release": "stable"})
        assert data == alone


class FailsOnce:
    """An engine whose second inference fails, and no other."""

    def __init__(self, engine: TritonEngine) -> None:
        self._engine = engine
        self.endpoints = engine.endpoints
        self.gone = engine.gone
        self.asked = 0

    async def infer(self, arm: Arm, text: str, speed: float, timeout_s: float) -> Spoken:
        """Speak, but for the second time."""
        self.asked += 1
        if self.asked == 2:
            raise ModelFailed("once")
        return await self._engine.infer(arm, text, speed, timeout_s)


async def test_group_that_fails_once_is_tried_again(engine: TritonEngine, tones: Tones) -> None:
    """One failure midway is mended by the same release and heard by nobody; it is counted all the same."""
    async with gateway(FailsOnce(engine), table(1, stable=tones["good"])) as gate:
        _, mended = await gate.say(PAGE, stream=True)
        _, plain = await gate.say(PAGE, stream=True)
        assert mended == plain
        labels = {"release": "1.0.0-good", "arm": "stable"}
        assert gate.count("segue_requests_total", outcome="error", **labels) == 1
        assert gate.count("segue_requests_total", outcome="ok", **labels) == 2


async def test_listener_who_leaves_ends_the_work(engine: TritonEngine, tones: Tones) -> None:
    """A stream that nobody hears any more is not made to its end."""
    async with gateway(engine, table(1, stable=tones["slow"])) as gate:
        body = {"model": SERVICE, "input": PAGE, "response_format": "pcm", "stream": True}
        async with gate.http.post(SPEECH, json=body) as answer:
            await answer.content.readany()
            answer.close()
        await until(lambda: gate.count("segue_user_requests_total", code="499") == 1, deadline_s=1)
        assert gate.count("segue_inflight", release="1.0.0-slow") == 0
