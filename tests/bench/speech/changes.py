"""
Weights that change a thousand times while as many speak as a gateway can take: nobody fails, nobody moves wrongly.

Half of the requests are of a panel that speaks again and again: a user's place is one point between 0 and 10,000, so
whoever heard the candidate at some weight hears it at every higher one, and whoever did not, at no lower one. The other
half are of users who speak once: of those that a table sends on, the candidate's are drawn by its weight.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scipy.stats import binom

from controller.bench.figures import Figure
from controller.core.names import FULL_BP
from controller.core.routing import Arm, Role, RoutingTable
from tests.bench.speech.crowd import picked_candidate
from tests.bench.speech.line import AUDIO_BYTES, Line, line_to, speech
from tests.bench.speech.stand import Stand, on_uvloop, publishing, served, stand

SERVICE: Final = "changing"
_SEED: Final = 20
_SPEAKERS: Final = 16
_PANEL: Final = 300
_WITHIN_S: Final = 30
_WRONG_AT_MOST: Final = 0.001
"""How likely it is, over all epochs together, that a share is called wrong which is not."""


@dataclass(slots=True)
class Told:
    """
    What users noticed. once: by epoch, those who spoke once, and how many of them heard the candidate.

    enough: by epoch, set when at_each did. stable_at, candidate_at: by user of the panel, the highest weight at which
    they heard stable, and the lowest at which they heard the candidate, basis points. back: answers by an older table
    than the one before on the same connection.
    """

    at_each: int
    asked: int = 0
    failed: int = 0
    back: int = 0
    once: dict[int, list[int]] = field(default_factory=dict)
    enough: dict[int, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    stable_at: dict[str, int] = field(default_factory=dict)
    candidate_at: dict[str, int] = field(default_factory=dict)

    @property
    def moved_wrongly(self) -> list[str]:
        """Return users whom no single place between 0 and 10,000 explains."""
        both = self.stable_at.keys() & self.candidate_at.keys()
        return sorted(user for user in both if self.stable_at[user] >= self.candidate_at[user])

    def outside(self, weights: Mapping[int, int]) -> list[int]:
        """Return the epochs whose share is outside of the binomial interval."""
        alpha = _WRONG_AT_MOST / len(weights)
        found = []
        for epoch, (asked, candidate) in self.once.items():
            low, high = binom.interval(1 - alpha, asked, weights[epoch] / FULL_BP)
            if not low <= candidate <= high:
                found.append(epoch)
        return found


def measure(folder: Path, changes: int) -> list[Figure]:
    """Start everything, change the weight so often, and return the figures."""
    with stand(folder) as standing:
        return on_uvloop(measured(standing, changes, at_each=40))


async def measured(standing: Stand, changes: int, at_each: int) -> list[Figure]:
    """Let people speak while tables are published, each when so many who speak once were answered by the one before."""
    chance = random.Random(_SEED)  # noqa: S311  # no secret
    weights = {1: 0} | {epoch: chance.randint(0, FULL_BP) for epoch in range(2, changes + 2)}
    told, stop = Told(at_each), asyncio.Event()
    async with AsyncExitStack() as open_things:
        publish = await open_things.enter_async_context(publishing(standing.kafka))
        first = await open_things.enter_async_context(line_to(standing.address))
        await publish(_table(standing, 1, weights[1]))
        await served(first, _table(standing, 1, weights[1]))
        speaking = [asyncio.create_task(_speak(standing, told, weights, stop, seed)) for seed in range(_SPEAKERS)]
        try:
            for epoch, weight_bp in weights.items():
                await publish(_table(standing, epoch, weight_bp))
                async with asyncio.timeout(_WITHIN_S):
                    await told.enough[epoch].wait()
        finally:
            stop.set()
            await asyncio.gather(*speaking)
    return _figures(told, weights)


async def _speak(standing: Stand, told: Told, weights: Mapping[int, int], stop: asyncio.Event, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # no secret
    while not stop.is_set():
        async with line_to(standing.address) as line:
            await _speak_on(line, told, weights, stop, chance)


async def _speak_on(
    line: Line, told: Told, weights: Mapping[int, int], stop: asyncio.Event, chance: random.Random
) -> None:
    epoch, connected = 0, True
    while connected and not stop.is_set():
        again = chance.random() < 0.5
        user = f"panel-{chance.randrange(_PANEL)}" if again else f"once-{chance.random()}"
        answer = await line.ask(speech(SERVICE, user))
        told.asked += 1
        if answer.status != 200 or answer.body_bytes != AUDIO_BYTES:
            told.failed += 1
            connected = bool(answer.status)
            continue
        told.back += int(answer.headers[b"x-segue-epoch"]) < epoch
        epoch = int(answer.headers[b"x-segue-epoch"])
        _note(told, weights[epoch], epoch, user if again else None, picked_candidate(answer))


def _note(told: Told, weight_bp: int, epoch: int, user: str | None, candidate: bool) -> None:
    if user is None:
        count = told.once.setdefault(epoch, [0, 0])
        count[0] += 1
        count[1] += candidate
        if count[0] >= told.at_each:
            told.enough[epoch].set()
    elif candidate:
        told.candidate_at[user] = min(weight_bp, told.candidate_at.get(user, weight_bp))
    else:
        told.stable_at[user] = max(weight_bp, told.stable_at.get(user, weight_bp))


def _table(standing: Stand, epoch: int, weight_bp: int) -> RoutingTable:
    stable, candidate = standing.releases
    arms = (Arm(Role.STABLE, stable, FULL_BP - weight_bp), Arm(Role.CANDIDATE, candidate, weight_bp))
    return RoutingTable(SERVICE, epoch, "salt", arms)


def _figures(told: Told, weights: Mapping[int, int]) -> list[Figure]:
    part, changes = f"{len(weights) - 1:,} weight changes", len(weights) - 1
    outside = told.outside(weights)
    once, candidate = (sum(counts) for counts in zip(*told.once.values(), strict=True))
    due = sum(asked * weights[epoch] / FULL_BP for epoch, (asked, _) in told.once.items())
    least = min(asked for asked, _ in told.once.values())
    return [
        Figure(
            part, "requests failed", told.failed, "requests", most=0, told=f"of {told.asked:,}, {_SPEAKERS} at once"
        ),
        Figure(part, "tables that nobody was served by", changes + 1 - len(told.once), "tables", most=0),
        Figure(part, "answers by an older table than the one before", told.back, "answers", most=0),
        Figure(part, "sticky users moved wrongly", len(told.moved_wrongly), "users", most=0, told=f"of {_PANEL}"),
        Figure(
            part,
            "shares outside of their binomial interval",
            len(outside),
            "epochs",
            most=0,
            told=f"{1 - _WRONG_AT_MOST:.1%} over all together; {least} users or more at each, {once:,} in all, "
            f"of whom {candidate:,} heard the candidate and {due:,.0f} were due",
        ),
    ]
