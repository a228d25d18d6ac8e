"""A sample of days is decided again by another plan and timed, and so is the bare fold of the same decoded facts."""

import asyncio
import json
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from controller.backtest.policy import Policy
from controller.backtest.services import backtests
from controller.bench.backtest.days import WINDOWS, lived
from controller.bench.figures import Figure, Report
from controller.bench.history.filling import Size, fill_sqlite
from controller.core.events import RolloutPromoted, WindowMeasured
from controller.core.plan import MEASURED, WATCHED, Plan, Step
from controller.core.stream import Fact, History, begin, fold
from controller.journal import open_store
from controller.journal.facts import facts
from controller.parts.installed import local_folder

ROLLOUTS: Final = 1_000
MOST_S: Final = 60.0
_CORES: Final = 2
_TEMPLATES: Final = 2

STRICTER: Final = Plan("stricter", (Step(500, 86_400),), gates=WATCHED, rules=replace(MEASURED, alpha=0.01, slower=0.2))
"""Other rules of evidence than the plan on record has: no verdict can be taken from there."""

Tell = Callable[[str], None]


def measure(services: int, rollouts_each: int, tell: Tell) -> Report:
    """Measure, and write it to .local/bench/backtest.json as well."""
    folder = local_folder() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as inside:
        report = _measured(Path(inside) / "segue.db", services, rollouts_each, tell)
    (folder / "backtest.json").write_text(json.dumps(report.told(), indent=2) + "\n")
    return report


def _measured(file: Path, services: int, rollouts_each: int, tell: Tell) -> Report:
    tell(f"deciding {_TEMPLATES} times {rollouts_each} days of {WINDOWS} windows")
    with ProcessPoolExecutor(_CORES, get_context("spawn")) as pool:
        made = list(pool.map(lived, range(1, _TEMPLATES + 1), [rollouts_each] * _TEMPLATES))
    size = Size(services, rollouts_each * WINDOWS, rollouts_each, _TEMPLATES)
    tell(f"filling SQLite with {services} services")
    fill_sqlite(file, size, made, lambda _: None)
    url, policies = f"sqlite:///{file}", dict.fromkeys(size.names, Policy(STRICTER))
    tell("deciding a service once, for the machine code that is made the first time on a machine")
    assert list(backtests(url, {size.names[0]: Policy(STRICTER)}))
    tell("deciding all of it again")
    began, before_s = time.perf_counter(), _cpu_s()
    compared = [one for _, found in backtests(url, policies) for one in found]
    took_s, computed_s = time.perf_counter() - began, _cpu_s() - before_s
    rollouts = services * rollouts_each
    assert len(compared) == rollouts + services, "each service had a first release besides"
    windows = rollouts * WINDOWS - services
    tell("folding one day bare")
    day = asyncio.run(_day(url, size.names[0]))
    fold_s = _folded_s(day)
    scale = ROLLOUTS * WINDOWS / windows
    floor_s = fold_s / sum(isinstance(one.event, WindowMeasured) for one in day) * ROLLOUTS * WINDOWS / _CORES
    told = (
        f"bare fold of the same facts: {floor_s:.0f} s; sample: {rollouts} rollouts, {windows} windows, {took_s:.1f} s"
    )
    name = f"{ROLLOUTS} rollouts of 24 h decided again on {_CORES} cores, scaled from the sample"
    figures = [
        Figure("backtest", name, took_s * scale, "s", most=MOST_S, told=told),
        Figure("backtest", "what of that is computing, shared by the cores", computed_s / _CORES * scale, "s"),
        Figure("backtest", "computing a window", computed_s / windows * 1e6, "us"),
        Figure("floor", "folding a window", fold_s / len(day) * 1e6, "us"),
    ]
    return Report({"rollouts": rollouts, "windows": windows}, figures)


def _cpu_s() -> float:
    """Return what this process and its ended children have computed, seconds: another's load is no part of it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


async def _day(url: str, service: str) -> list[Fact]:
    """Return the facts of a service up to the end of its first watched day."""
    found, promoted = list[Fact](), 0
    store = await open_store(url)
    try:
        async for one in facts(store, service):
            found.append(one)
            promoted += isinstance(one.event, RolloutPromoted)
            if promoted == _TO_THE_END_OF_THE_FIRST_DAY:
                break
    finally:
        await store.close()
    return found


_TO_THE_END_OF_THE_FIRST_DAY: Final = 2
"""Promotions: of the release that the service began with, and of the first that was watched."""


def _folded_s(day: Sequence[Fact]) -> float:
    history: History = begin(day[0].stream)
    began = time.process_time()
    fold(history, day)
    return time.process_time() - began
