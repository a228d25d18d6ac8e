"""
What a gateway adds to an inference: time, CPU, and to the first audio, beside a bare proxy and a naive gateway.

All are asked in turn by the same client for the same two seconds of audio, of a voice that does nothing.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from controller.bench.figures import Figure
from controller.parts.ports import LOOPBACK, free_port
from tests.bench.speech.line import AUDIO_BYTES, Heard, inference, line_to, speech
from tests.bench.speech.stand import Stand, cpu_s, group_of, on_uvloop, our_process, publishing, served, stand
from tests.gateway.stage import table

SERVICE: Final = "tone"
MOST_ADDED_MS: Final = 0.35
MOST_FIRST_ADDED_MS: Final = 0.2
MOST_CPU_MS: Final = 0.30
LEAST_A_SECOND: Final = 2_500
_AT_ONCE: Final = 12


@dataclass(slots=True)
class Way:
    """
    One way to the audio. message: its request; stream: the same, as it is made. pids: of the processes on the way.

    whole_s, first_s: of requests one after another. cpu_s: of each, there. crowd_cpu_s: of each, when many ask at once.
    """

    address: str
    message: bytes
    stream: bytes
    pids: Sequence[int]
    whole_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    crowd_cpu_s: list[float] = field(default_factory=list)


def measure(folder: Path, rounds: int) -> list[Figure]:
    """Start everything, ask so many rounds, and return the figures."""
    with stand(folder) as standing, ways(standing, folder) as open_ways:
        return on_uvloop(measured(standing, open_ways, rounds, block=20))


@contextmanager
def ways(standing: Stand, folder: Path) -> Iterator[Mapping[str, Way]]:
    """Start the other ways beside the gateway."""
    triton, release = standing.triton, standing.releases[0]
    whole, stream = speech(SERVICE, "ann"), speech(SERVICE, "ann", stream=True)
    asked = inference(release)
    found = {
        "directly": Way(triton.http, asked, asked, group_of(triton.pid)),
        "gateway": Way(standing.address, whole, stream, [standing.gateway.pid]),
    }
    with ExitStack() as stack:
        for kind in ("bare", "naive"):
            port = free_port()
            module = ["tests.bench.speech.others", kind, str(port), triton.http, triton.grpc, release.ensemble]
            process = stack.enter_context(our_process(kind, folder, port, module))
            found[kind] = Way(f"{LOOPBACK}:{port}", whole, stream, [process.pid])
        yield found


async def measured(standing: Stand, open_ways: Mapping[str, Way], rounds: int, block: int) -> list[Figure]:
    """
    Ask all ways in turn, a first round that is not counted aside.

    block: how often in a row a way is asked, whole, as a stream, and by each of many at once.
    """
    async with publishing(standing.kafka) as publish, line_to(standing.address) as line:
        first = table(1, stable=standing.releases[0])
        await publish(first)
        await served(line, first)
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds + 1):
            for way in _rotated(list(open_ways.values()), number):
                await _round(way, block)
            if number == 0:
                for way in open_ways.values():
                    way.whole_s, way.first_s, way.cpu_s, way.crowd_cpu_s = [], [], [], []
        idle = await _idle(open_ways["gateway"])
    finally:
        gc.unfreeze()
    return [*_figures(open_ways), idle]


def _rotated(all_ways: Sequence[Way], number: int) -> Sequence[Way]:
    at = number % len(all_ways)
    return [*all_ways[at:], *all_ways[:at]]


async def _round(way: Way, block: int) -> None:
    async with line_to(way.address) as line:
        before_s = cpu_s(*way.pids)
        way.whole_s += [_heard(await line.ask(way.message)).whole_s for _ in range(block)]
        way.cpu_s.append((cpu_s(*way.pids) - before_s) / block)
        way.first_s += [_heard(await line.ask(way.stream)).first_s for _ in range(block)]
    before_s = cpu_s(*way.pids)
    await asyncio.gather(*(_crowd(way, block) for _ in range(_AT_ONCE)))
    way.crowd_cpu_s.append((cpu_s(*way.pids) - before_s) / _AT_ONCE / block)


async def _crowd(way: Way, block: int) -> None:
    async with line_to(way.address) as line:
        for _ in range(block):
            _heard(await line.ask(way.message))


async def _idle(gateway: Way) -> Figure:
    """Take the time of a second in which nobody asks: what requests took has its share of that, too."""
    before_s = cpu_s(*gateway.pids)
    await asyncio.sleep(1)
    return Figure("gateway", "CPU while nobody asks", (cpu_s(*gateway.pids) - before_s) * 1000, "ms/s")


def _heard(answer: Heard) -> Heard:
    assert answer.status == 200, f"status {answer.status}"
    assert answer.body_bytes >= AUDIO_BYTES, f"{answer.body_bytes} bytes are no two seconds"
    return answer


def _figures(by_name: Mapping[str, Way]) -> list[Figure]:
    whole = _medians_ms(by_name, lambda way: way.whole_s)
    first = _medians_ms(by_name, lambda way: way.first_s)
    cpu = _medians_ms(by_name, lambda way: way.cpu_s)
    crowd = {name: 1000 / ms for name, ms in _medians_ms(by_name, lambda way: way.crowd_cpu_s).items()}
    added = [
        Figure(
            "gateway",
            name,
            took["gateway"] - took["directly"],
            "ms",
            most=most,
            told=f"directly {took['directly']:.2f} ms; bare proxy +{took['bare'] - took['directly']:.2f}, "
            f"FastAPI with tritonclient +{took['naive'] - took['directly']:.2f} ms",
        )
        for name, took, most in (
            ("added to asking Triton directly, p50", whole, MOST_ADDED_MS),
            ("added to the first audio of a stream, p50", first, MOST_FIRST_ADDED_MS),
        )
    ]
    return [
        *added,
        Figure(
            "gateway",
            "CPU a request, one after another",
            cpu["gateway"],
            "ms",
            most=MOST_CPU_MS,
            told=f"bare proxy {cpu['bare']:.2f} ms, FastAPI with tritonclient {cpu['naive']:.2f} ms, "
            f"Triton itself {cpu['directly']:.2f} ms",
        ),
        Figure(
            "gateway",
            f"requests a second of its CPU, {_AT_ONCE} at once",
            crowd["gateway"],
            "/s",
            least=LEAST_A_SECOND,
            told=f"bare proxy {crowd['bare']:,.0f}/s, FastAPI with tritonclient {crowd['naive']:,.0f}/s, "
            f"Triton itself {crowd['directly']:,.0f}/s",
        ),
        Figure("gateway", "the same, of the bare proxy", crowd["gateway"] / crowd["bare"], "times"),
    ]


def _medians_ms(by_name: Mapping[str, Way], values: Callable[[Way], Sequence[float]]) -> dict[str, float]:
    return {name: median(values(way)) * 1000 for name, way in by_name.items()}
