"""What happens to each release of the story, as an outsider sees it, and what is measured on the way."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from controller.core.names import Release
from controller.core.plan import NAMED_PLANS
from controller.demo.load import Load, Utterance
from controller.demo.outsider import SERVICE, Outsider
from controller.demo.promise import Told
from controller.demo.show import Show
from controller.demo.texts import SAMPLE
from controller.demo.voices import BAD_SHARE_BP, BY_ALERT, PACED, Voices


@dataclass(frozen=True, slots=True)
class Promotion:
    """
    How the good release came to all traffic.

    promotion_s: from its first step on. clock_s: what the holds of the built-in plan `quick` take. mirrored: copies of
    stable's requests that were measured. heard: users who were served by it before any were meant to be.
    """

    promotion_s: float
    clock_s: float
    mirrored: int
    heard: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The failing release's rollout: its name, when its end was committed, and when it began to have traffic."""

    rollout: str
    recorded_ms: float
    shared_from_ms: float


@dataclass(frozen=True, slots=True)
class Detected:
    """
    A release that evidence took back. detection_s: since it had its share. guilty: the measure. alerts: that had a say.
    """

    detection_s: float
    guilty: str
    alerts: int


async def walk_in(outsider: Outsider, load: Load, voices: Voices, folder: Path, show: Show) -> Promotion:
    """Mirror the good release unheard, then let it climb as soon as every measure has proven it."""
    rollout, version = f"{SERVICE}-2", voices.good.version
    show.title(f"b. a good release: {version} is mirrored first, then climbs as fast as evidence comes in")
    outsider.request(voices.good, PACED, "warmer voice")
    first = await wait(outsider, f"{version} is mirrored", "StepStarted", 60, rollout=rollout, step=0)
    show.happened(f"{version} speaks what users ask of {voices.first.version}, and nobody hears it")
    second = await wait(
        outsider, f"{version} is proven good enough for 50 %", "StepStarted", 100, rollout=rollout, step=1
    )
    show.happened(f"{version} has 50 % of the traffic: {second['reason']}")
    await asyncio.to_thread(outsider.speak, SAMPLE, voices.first.version, folder / f"{voices.first.version}.wav")
    promoted = await wait(outsider, f"{version} is promoted", "RolloutPromoted", 100, rollout=rollout)
    show.happened(f"{version} is promoted; {voices.first.version} stands by in the guard window", "green")
    await asyncio.to_thread(outsider.speak, SAMPLE, version, folder / f"{version}.wav")
    windows = [fact["event"]["window"] for fact in between(outsider.facts(), "WindowMeasured", first, second)]
    promotion = Promotion(
        promotion_s=(_ms(promoted) - _ms(first)) / 1000,
        clock_s=sum(step.hold_s for step in NAMED_PLANS["quick"].steps),
        mirrored=sum(window["candidate"]["requests"] for window in windows),
        heard=_heard(load.spoken, version, _ms(second)),
    )
    show.happened(
        f"{promotion.mirrored} copies measured before the first user; promoted after {promotion.promotion_s:.0f} s, "
        f"by the clock of the plan quick it would have been {promotion.clock_s:.0f} s"
    )
    return promotion


async def take_back(outsider: Outsider, voices: Voices, folder: Path, show: Show) -> Taken:
    """Let an alert take the failing release back."""
    rollout, version = f"{SERVICE}-3", voices.failing.version
    show.title(f"c. a bad release: the vocoder of {version} fails on its longest utterances")
    outsider.request(voices.failing, BY_ALERT, "higher voice")
    epoch, shared_from_ms = await _share(outsider, rollout, version, show)
    await asyncio.to_thread(outsider.speak, SAMPLE, version, folder / f"{version}.wav")
    aborted = await wait(outsider, f"an alert takes {version} back", "RolloutAborted", 60, rollout=rollout)
    show.happened(f"taken back: {aborted['reason']}", "green")
    await _applied(outsider, epoch + 1)
    recorded_ms = await asyncio.to_thread(outsider.recorded_ms, int(aborted["position"]))
    await asyncio.sleep(1)  # a second of users after it, so that the last one on the candidate is known to be the last
    return Taken(rollout, recorded_ms, shared_from_ms)


async def detect(
    outsider: Outsider, release: Release, plan: Mapping[str, object], rollout: str, reason: str, show: Show
) -> Detected:
    """Let evidence take a release back of which no alert knows."""
    outsider.request(release, plan, reason)
    epoch, shared_from_ms = await _share(outsider, rollout, release.version, show)
    aborted = await wait(outsider, f"evidence takes {release.version} back", "RolloutAborted", 90, rollout=rollout)
    await _applied(outsider, epoch + 1)
    alerts = [f for f in outsider.facts() if f["rollout"] == rollout and f["type"] == "AlertMatched"]
    detected = Detected((_ms(aborted) - shared_from_ms) / 1000, " and ".join(aborted["event"]["guilty"]), len(alerts))
    show.happened(f"taken back after {detected.detection_s:.0f} s: {aborted['reason']}", "green")
    return detected


async def refuse(outsider: Outsider, voices: Voices, show: Show) -> bool:
    """Ask once more for what was taken back."""
    show.title(f"f. {voices.failing.version} is requested again")
    outsider.request(voices.failing, BY_ALERT, "maybe it was bad luck")
    refused = await wait(outsider, f"{voices.failing.version} is refused", "RequestRefused", 10)
    show.happened(f"refused: {refused['reason']}", "green")
    return True


async def wait(outsider: Outsider, promised: str, type: str, patience_s: float, **fields: object) -> Told:
    """Wait for a fact, on a thread, so that the users go on speaking meanwhile. Raises Otherwise."""
    return await asyncio.to_thread(partial(outsider.wait_for, promised, type, patience_s, **fields))


def between(facts: Sequence[Told], type: str, first: Told, last: Told) -> list[Told]:
    """Return the facts of one type between two others."""
    return [fact for fact in facts if fact["type"] == type and first["position"] < fact["position"] < last["position"]]


async def _share(outsider: Outsider, rollout: str, version: str, show: Show) -> tuple[int, float]:
    """Wait until the gateway gives a candidate its share; return the epoch, and since when, milliseconds since 1970."""
    shared = f"{version} gets {BAD_SHARE_BP / 100:g} % of the traffic"
    await wait(outsider, shared, "StepStarted", 60, rollout=rollout, step=0)
    epoch = (await wait(outsider, shared, "RouteSet", 5, rollout=rollout))["event"]["epoch"]
    applied = await _applied(outsider, epoch)
    show.happened(f"{version} has {BAD_SHARE_BP / 100:g} % of the traffic", "yellow")
    return epoch, float(applied["event"]["applied_at_ms"])


async def _applied(outsider: Outsider, epoch: int) -> Told:
    return await wait(outsider, f"the gateway serves by table {epoch}", "RouteApplied", 10, epoch=epoch)


def _heard(spoken: Sequence[Utterance], version: str, before_ms: float) -> int:
    return sum(utterance.release == version for utterance in spoken if utterance.ended_ms < before_ms)


def _ms(fact: Told) -> float:
    return datetime.fromisoformat(fact["at"]).timestamp() * 1000
