"""
Golden prompts, spoken by both releases: the candidate must speak each of them soundly, and about as long as stable.

Its audio is checked as the gateway checks it (see controller/quality/audio). What is not its own fault says nothing: a
Triton that does not answer, a release that is being loaded again, a prompt that stable cannot speak either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from controller.core.errors import Broken, SegueError, Unavailable
from controller.core.gate import Figure, Outcome
from controller.core.names import Release
from controller.core.readings import Reading
from controller.outside.triton import Triton
from controller.quality.prompts import PROMPTS

LONGEST: Final = 1.5
"""By how much one release may take longer over a text than the other; pace differs from voice to voice."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A release and the Tritons that it lives on, by endpoint."""

    release: Release
    homes: Mapping[str, Triton]


Heard = Callable[[int, str, bytes], None]
"""Is told what the candidate said: to which prompt, on which endpoint, and the int16 samples."""


def _unheard(_prompt: int, _endpoint: str, _samples: bytes) -> None:
    """Keep nothing."""


async def listen(
    gate: str, candidate: Speaker, stable: Speaker, prompts: int, timeout_s: float, heard: Heard = _unheard
) -> Reading:
    """
    Return what came of the first `prompts` golden prompts, one after another, so that users are not held up.

    The candidate must speak them on each of its endpoints; stable is heard on whichever of its own answers. timeout_s:
    of one utterance. Never raises SegueError.
    """
    farthest, unheard = 1.0, ""
    homes, comparing = dict(candidate.homes), list(stable.homes.values())
    for number, text in enumerate(PROMPTS[:prompts], start=1):
        try:
            theirs = await _anywhere_s(comparing, stable.release, text, timeout_s)
        except SegueError as error:
            return Reading(
                gate, reason=f"stable does not speak prompt {number}, so nothing is compared: {error}"[:1000]
            )
        for endpoint, triton in list(homes.items()):
            at = f" on {endpoint}" if len(candidate.homes) > 1 else ""
            try:
                ours = await _spoken_s(triton, candidate.release, text, timeout_s, partial(heard, number, endpoint))
            except Unavailable as error:
                # What another endpoint says may still speak against the release.
                unheard = unheard or f"prompt {number} was not answered{at}: {error}"
                del homes[endpoint]
                continue
            except Broken as error:
                reason = f"prompt {number} is not spoken{at}: {error}"
                return Reading(gate, outcome=Outcome.FAIL, reason=reason[:1000])
            ratio = max(ours / theirs, theirs / ours)
            farthest = max(farthest, ratio)
            if ratio > LONGEST:
                reason = f"prompt {number} takes {ours:.2f} s{at}, {theirs:.2f} s on stable"
                return Reading(gate, outcome=Outcome.FAIL, reason=reason, figures=(_figure(farthest, number),))
        if not homes:
            break
    if unheard:
        return Reading(gate, reason=unheard[:1000])
    spoken, everywhere = min(prompts, len(PROMPTS)), f" on {len(homes)} endpoints" if len(homes) > 1 else ""
    reason = f"{spoken} prompts are spoken{everywhere}, each about as long as by stable"
    return Reading(gate, outcome=Outcome.PASS, reason=reason, figures=(_figure(farthest, spoken),))


async def _anywhere_s(homes: list[Triton], release: Release, text: str, timeout_s: float) -> float:
    """Return how long a release speaks on the first of its homes that answers; one that does not comes last next."""
    if not homes:
        raise Unavailable(f"SEGUE_TRITON_HTTP names none of the endpoints that {release.ensemble} lives on")
    for _ in homes[1:]:
        try:
            return await _length_s(homes[0], release, text, timeout_s)
        except SegueError:
            homes.append(homes.pop(0))
    return await _length_s(homes[0], release, text, timeout_s)


async def _spoken_s(
    triton: Triton, candidate: Release, text: str, timeout_s: float, heard: Callable[[bytes], None]
) -> float:
    try:
        return await _length_s(triton, candidate, text, timeout_s, heard)
    except Broken as error:
        if not await triton.ready(candidate.ensemble):
            raise Unavailable(f"{candidate.ensemble} is not loaded just now ({error})") from error
    # Once is no proof: it may have been loaded anew between the two questions.
    return await _length_s(triton, candidate, text, timeout_s, heard)


async def _length_s(
    triton: Triton, release: Release, text: str, timeout_s: float, heard: Callable[[bytes], None] | None = None
) -> float:
    rate_hz = release.sample_rate_hz
    probe = await triton.probe(release.ensemble, text, timeout_s=timeout_s, sample_rate_hz=rate_hz, heard=heard)
    return probe.sound.audio_s


def _figure(ratio: float, samples: int) -> Figure:
    return Figure("longer of two utterances over the shorter", ratio, LONGEST, samples)
