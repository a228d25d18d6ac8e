"""
A candidate that breaks under load, in six ways, and what its users and stable's notice.

People speak at an even rate, half of them to the candidate, which is reached by a link of its own. It works for a while
and is broken for as long; then stable speaks for everybody for as long without any fault, as it does where a candidate
is left alone. So all three know the same minutes, and each is told by the median of its turns: a hundredth of one turn
is a tenth of a second of speech, which a moment of the machine's fills. Times count from when a user meant to ask, so
that whoever is kept waiting is not left out.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from controller.bench.figures import Figure
from controller.core.names import FULL_BP
from controller.core.routing import Arm, Role, RoutingTable
from controller.parts.ports import LOOPBACK, free_port
from tests.bench.speech.crowd import Crowd, Spoken
from tests.bench.speech.line import line_to
from tests.bench.speech.stand import Stand, on_uvloop, publishing, served, stand
from tests.chaos.real.toxiproxy import Toxiproxy

SERVICE: Final = "breaking"
TIMEOUT_S: Final = 1.0
"""The candidate's: how long a gateway waits for a release, here."""
SETTINGS: Final = {"SEGUE_RELEASE_TIMEOUT_S": f"{TIMEOUT_S:g}", "SEGUE_EJECT_MOST_S": "2"}
MOST_OF_STABLE: Final = 1.10
FAULTS: Final = ("dead", "slow", "overrun", "silent", "resetting", "garbage")
_SLOW_MS: Final = 150
_OVERRUN_MS: Final = 400
"""With that, more is asked of the candidate than its places can take."""
_LINK: Final = "candidate"
_AGAIN_WITHIN_S: Final = 20


def measure(folder: Path, times: int, each_s: float, rate_per_s: float) -> list[Figure]:
    """Start everything, break the candidate so often in each way, each so long, and return the figures."""
    with stand(folder, **SETTINGS) as standing, Toxiproxy(folder / "toxiproxy").start() as proxy:
        return on_uvloop(measured(standing, proxy, FAULTS, times, each_s, rate_per_s))


async def measured(
    standing: Stand, proxy: Toxiproxy, names: Collection[str], times: int, each_s: float, rate_per_s: float
) -> list[Figure]:
    """Let people speak for three times as long as each fault lasts: it begins after the first third, under load."""
    link = proxy.link(_LINK, free_port(), standing.triton.http)
    epochs = count(1)
    figures = list[Figure]()
    async with publishing(standing.kafka) as publish, _babbling() as babbler, line_to(standing.address) as line:

        async def give(candidate_bp: int) -> None:
            table = _table(standing, link, next(epochs), candidate_bp)
            await publish(table)
            await served(line, table)

        crowd, faults = Crowd(standing.address, SERVICE, rate_per_s), _faults(proxy, babbler)
        for name in names:
            turns = [await _turn(crowd, faults[name], give, each_s) for _ in range(times)]
            figures += _figures(name, turns)
        crowd.close()
    return figures


_Fault = Callable[[], AbstractContextManager[None]]


def _faults(proxy: Toxiproxy, babbler: str) -> Mapping[str, _Fault]:
    return {
        "dead": lambda: proxy.cut(_LINK),
        "slow": lambda: proxy.toxic("latency", _LINK, latency=_SLOW_MS // 2),
        "overrun": lambda: proxy.toxic("latency", _LINK, latency=_OVERRUN_MS // 2),
        "silent": lambda: proxy.toxic("timeout", _LINK, timeout=0),
        "resetting": lambda: proxy.toxic("reset_peer", _LINK, timeout=0),
        "garbage": lambda: proxy.instead(_LINK, babbler),
    }


@dataclass(frozen=True, slots=True)
class _Turn:
    """Who was answered while all was well, who after the fault began, and who while stable spoke for everybody."""

    well: Sequence[Spoken]
    broken: Sequence[Spoken]
    alone: Sequence[Spoken]


async def _turn(crowd: Crowd, fault: _Fault, give: Callable[[int], Awaitable[None]], each_s: float) -> _Turn:
    await give(FULL_BP // 2)
    await crowd.until_candidate_speaks(_AGAIN_WITHIN_S)
    speaking = asyncio.create_task(crowd.speak(2 * each_s))
    with ExitStack() as ended:
        await asyncio.sleep(each_s)
        begun_s = crowd.now_s()
        # In a thread, for speech goes on meanwhile.
        await asyncio.to_thread(ended.enter_context, fault())
        heard = await speaking
    await give(0)
    well = [one for one in heard if one.ended_s < begun_s]
    return _Turn(well, [one for one in heard if one.ended_s >= begun_s], await crowd.speak(each_s))


def _figures(name: str, turns: Sequence[_Turn]) -> list[Figure]:
    asked = [one for turn in turns for one in (*turn.well, *turn.broken, *turn.alone)]
    candidate_ms, stable_ms = (
        [
            median(_p99_ms([one for one in some if one.candidate is candidate]) for some in parts)
            for parts in ([turn.well for turn in turns], [turn.broken for turn in turns])
        ]
        for candidate in (True, False)
    )
    alone_ms = median(_p99_ms(turn.alone) for turn in turns)
    part = f"candidate {name}"
    return [
        Figure(
            part,
            "requests failed",
            sum(one.failed for one in asked),
            "requests",
            most=0,
            told=f"of {len(asked):,}",
        ),
        Figure(
            part,
            "added for the candidate's users, p99",
            max(0.0, candidate_ms[1] - candidate_ms[0]),
            "ms",
            most=TIMEOUT_S * 1000,
            told=f"{candidate_ms[1]:.1f} ms, without the fault {candidate_ms[0]:.1f}",
        ),
        Figure(
            part,
            "stable's own users, p99, of that without the fault",
            stable_ms[1] / stable_ms[0],
            "times",
            most=MOST_OF_STABLE,
            told=f"{stable_ms[1]:.1f} ms, without the fault {stable_ms[0]:.1f}; "
            f"stable for everybody, without a fault {alone_ms:.1f}",
        ),
    ]


def _p99_ms(some: Sequence[Spoken]) -> float:
    return quantiles([one.took_s * 1000 for one in some], n=100, method="inclusive")[98]


def _table(standing: Stand, link: str, epoch: int, candidate_bp: int) -> RoutingTable:
    stable, candidate = standing.releases
    arms = (
        Arm(Role.STABLE, stable, FULL_BP - candidate_bp),
        Arm(Role.CANDIDATE, candidate, candidate_bp, endpoints=(link,)),
    )
    return RoutingTable(SERVICE, epoch, "salt", arms)


@asynccontextmanager
async def _babbling() -> AsyncIterator[str]:
    """Serve what is no HTTP to whoever asks; give host:port."""
    chance = random.Random(0)  # noqa: S311  # no secret

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            writer.write(chance.randbytes(2_000))
        writer.close()

    server = await asyncio.start_server(babble, LOOPBACK, 0)
    async with server:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
