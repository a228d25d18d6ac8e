"""The neural voice on a real Triton: a sentence, a page, odd texts, and releases that differ in what one hears."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Final

import httpx
import numpy as np
import pytest

from controller.core.errors import Broken
from controller.observe.footprint import STAGE
from controller.outside.triton import Triton
from controller.parts.triton import Triton as Server
from controller.quality.audio import fault
from tests.hostile.values import TEXTS
from tests.triton.speech import speak
from triton_models.build import build

SENTENCE = "The quick brown fox jumps over the lazy dog."
PAGE = ("The lighthouse keeper counted the ships that passed, and wrote their names in a small blue book. " * 60)[:4096]

ILL_TEXTS: Final = 12
PIECES: Final = (
    *(text for text in TEXTS if isinstance(text, str) and len(text) < 3_000),
    *(
        "<speak><break time='9999s'/>",
        "</prosody>",
        "<!-- ",
        "&#0;",
        "]]>",
        "<phoneme ph='",
        "\u202b\u0634\u0643\u0631\u0627",
        "\u0e01\u0e33",
    ),
    *(
        "1e9",
        "12:34:56",
        "$1,000,000.00",
        "XVIII",
        "3/4",
        "a.b.c.d.e",
        "--",
        "don't",
        "hello",
        "Dr. No",
        "\U0001f600" * 9,
    ),
)


def hibari(server: Server, version: str, params: Mapping[str, str] | None = None) -> str:
    """Build a release of the neural voice into the server's repository; give its ensemble."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return build("hibari", version, repository=server.repository, build_time=noon, params=params).ensemble


@pytest.fixture(scope="module")
def voice(server: Server) -> str:
    """A plain release, loaded for all of these tests."""

    async def load(ensemble: str) -> None:
        async with Triton(server.grpc) as triton:
            await triton.load(ensemble)

    ensemble = hibari(server, "1.4.0")
    asyncio.run(load(ensemble))
    return ensemble


def loudest_hz(pcm: bytes, least: float, most: float) -> float:
    """The centre of the power between two frequencies."""
    power = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2"))) ** 2
    hz = np.linspace(0, 22_050, len(power))
    band = (hz > least) & (hz < most)
    return float((power[band] * hz[band]).sum() / power[band].sum())


async def test_sentence_is_spoken(server: Server, voice: str) -> None:
    """A sentence is two to five seconds of clean audio, and the same again sample for sample."""
    answer = await speak(server, voice, SENTENCE)
    assert (answer.status, fault(answer.sound)) == (200, "")
    assert 2 < answer.sound.audio_s < 5
    assert (await speak(server, voice, SENTENCE)).pcm == answer.pcm


async def test_stages_show_their_memory(server: Server, triton: Triton, voice: str) -> None:
    """Each of the three stages tells Triton what its process holds: tens of MiB at least, and no stage is left out."""
    assert (await speak(server, voice, SENTENCE)).status == 200
    async with httpx.AsyncClient() as client:
        lines = (await client.get(server.metrics)).text.splitlines()
    shown = {
        line.split('stage="')[1].split('"')[0]: float(line.split()[-1]) for line in lines if line.startswith(STAGE)
    }
    stages = await triton.stages(voice)
    assert len(stages) == 3
    assert set(stages) <= set(shown)
    assert all(shown[stage] > 30 * 2**20 for stage in stages)


async def test_page_is_spoken_whole(server: Server, voice: str) -> None:
    """A page of 4096 characters is minutes of clean audio, its last minute as loud as its first."""
    answer = await speak(server, voice, PAGE)
    assert (answer.status, fault(answer.sound)) == (200, "")
    assert 180 < answer.sound.audio_s < 360
    samples = np.frombuffer(answer.pcm, "<i2").astype(float)
    minute = 60 * 44_100
    first, last = (float(np.sqrt(np.mean(np.square(part)))) for part in (samples[:minute], samples[-minute:]))
    assert last == pytest.approx(first, rel=0.2)


async def test_speed_changes_the_length(server: Server, voice: str) -> None:
    """Speed 2 takes about half as long as speed 1."""
    plain, fast = [(await speak(server, voice, SENTENCE, speed)).sound.audio_s for speed in (1.0, 2.0)]
    assert fast == pytest.approx(plain / 2, rel=0.15)


@pytest.mark.parametrize(
    ("text", "speed", "reason"),
    [
        ("", 1.0, "text is empty"),
        (" \n ", 1.0, "text is empty"),
        (b"caf\xe9", 1.0, "not UTF-8"),
        ("😀 🎉", 1.0, "nothing in it that this voice can speak"),
        ("你好世界。", 1.0, "nothing in it that this voice can speak"),
        ("x" * 4097, 1.0, "4097 characters"),
        ("9" * 4096, 1.0, "speech sounds"),
        (SENTENCE, 0.0, "speed is 0"),
        (SENTENCE, float("nan"), "speed is nan"),
        (SENTENCE, 50.0, "speed is 50"),
    ],
    ids=["empty", "blank", "latin1", "emoji", "chinese", "too long", "digits", "speed 0", "speed nan", "speed 50"],
)
async def test_what_cannot_be_spoken_is_the_callers_error(
    server: Server, voice: str, text: str | bytes, speed: float, reason: str
) -> None:
    """A request that cannot be spoken is answered 400 with its reason, and the next one is spoken."""
    answer = await speak(server, voice, text, speed)
    assert answer.status == 400
    assert reason in answer.reason
    assert (await speak(server, voice, "Hello.")).status == 200


@pytest.mark.parametrize(
    "text",
    [
        "I",
        "Hello 😀 world",
        "a\x00b\x01\x02\x7f c",
        "h̷̢e̷̡l̸̨l̶̛o̴͝",
        "𝓗𝓮𝓵𝓵𝓸 ｆｕｌｌ width",  # noqa: RUF001  letters that only look plain are the point
        "\u202ehello",
        "$1,234,567.89 at 10:45 on 2024-02-30, 1/2 of 99:99 & 13/13/1313",
        "[hi](/x/) [](//) [a](/",
        "<speak>hi</speak> &amp;",
        "a" * 4096,
        "word/" * 819,
        "mississippi-" * 300,
    ],
    ids=["one", "emoji", "control", "zalgo", "styled", "rtl", "figures", "links", "tags", "long", "slashes", "hyphens"],
)
async def test_odd_text_is_spoken(server: Server, voice: str, text: str) -> None:
    """Text that is odd but has something to say is spoken, without a fault."""
    answer = await speak(server, voice, text)
    assert answer.status == 200, answer.reason
    assert fault(answer.sound) == ""


async def test_no_text_takes_a_stage_down(server: Server, voice: str) -> None:
    """Long words, right to left, emoji, controls, tags: 200 or 400, and afterwards a sentence sounds as before."""
    before = await speak(server, voice, SENTENCE)
    random = Random(0)  # noqa: S311  # the same texts each time
    statuses = set()
    for _ in range(ILL_TEXTS):
        pieces = random.choices(PIECES, k=random.randint(1, 4))
        text = random.choice(("", " ", ". ", "-")).join(pieces).encode(errors="surrogatepass")[:4096]
        answer = await speak(server, voice, text)
        statuses.add(answer.status)
        assert answer.status == 200 or (answer.status in (400, 500) and answer.reason), text
    assert 200 in statuses
    assert (await speak(server, voice, SENTENCE)).pcm == before.pcm


async def test_vocoder_with_a_short_buffer_fails_long_utterances_only(
    server: Server, triton: Triton, voice: str
) -> None:
    """A release whose vocoder takes 200 frames speaks a greeting, fails a sentence and lives on; others are well."""
    bad = hibari(server, "1.6.0", {"vocoder.max_frames": "200"})
    await triton.load(bad)
    assert (await speak(server, bad, "Good morning.")).status == 200
    answer = await speak(server, bad, SENTENCE)
    assert answer.status == 500
    assert "do not fit into the buffer of 200" in answer.reason
    assert (await speak(server, bad, "Good morning.")).status == 200
    assert (await speak(server, voice, SENTENCE)).status == 200


async def test_releases_sound_different(server: Server, triton: Triton, voice: str) -> None:
    """A brighter, higher release shares all but the vocoder and is measurably brighter, at the same length."""
    bright = hibari(server, "1.5.0", {"vocoder.brightness_db": "2", "vocoder.pitch_semitones": "1"})
    await triton.load(bright)
    plain, other = await speak(server, voice, SENTENCE), await speak(server, bright, SENTENCE)
    assert other.sound.audio_s == plain.sound.audio_s
    assert loudest_hz(other.pcm, 0, 12_000) > 1.5 * loudest_hz(plain.pcm, 0, 12_000)


async def test_more_passes_say_the_same_and_take_longer(server: Server, triton: Triton, voice: str) -> None:
    """Averaging draws of the noise leaves the length alone and changes the samples."""
    smooth = hibari(server, "1.5.0", {"vocoder.passes": "4", "vocoder.recent": "2"})
    await triton.load(smooth)
    plain, other = await speak(server, voice, SENTENCE), await speak(server, smooth, SENTENCE)
    assert other.sound.audio_s == plain.sound.audio_s
    assert other.pcm != plain.pcm
    assert (await speak(server, smooth, SENTENCE)).pcm == other.pcm


async def test_british_accent_is_another_reading(server: Server, triton: Triton, voice: str) -> None:
    """The release parameter `g2p.accent` changes how words are read."""
    british = hibari(server, "1.5.0", {"g2p.accent": "gb"})
    await triton.load(british)
    text = "The schedule can't last after the bath."
    assert (await speak(server, british, text)).pcm != (await speak(server, voice, text)).pcm


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"vocoder.brightness_db": "99"}, "brightness_db is 99; give -12 to 12"),
        ({"vocoder.max_frames": "many"}, "could not convert string to float"),
        ({"g2p.accent": "scots"}, "accent is 'scots'"),
        ({"g2p.package": "hibari-tts==9.9"}, r"hibari-tts 0.2.1 is installed; this release needs 9.9"),
        ({"acoustic.pace": "0"}, "pace is 0"),
        ({"acoustic.net_file": __file__}, "Protobuf parsing failed"),
    ],
    ids=["range", "number", "accent", "package", "pace", "net"],
)
async def test_bad_parameters_fail_the_load_with_a_reason(
    server: Server, triton: Triton, voice: str, params: dict[str, str], reason: str
) -> None:
    """A release with a senseless parameter does not load and says which; the release beside it speaks on."""
    with pytest.raises(Broken, match=reason):
        await triton.load(hibari(server, "1.6.0", params))
    assert await triton.loaded() == {voice}
    assert (await speak(server, voice, "Hello.")).status == 200
