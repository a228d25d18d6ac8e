"""
Days are decided again by the command itself, few and many, and beside that the bare fold of the same decoded facts.

What few and many take tells what a start costs, once, from what a window costs; a thousand rollouts are made of both.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from controller.bench.backtest.days import WINDOWS, lived
from controller.bench.figures import Figure, Report
from controller.bench.history.filling import Size, fill_sqlite
from controller.core.events import RolloutPromoted, WindowMeasured
from controller.core.stream import Fact, History, begin, fold
from controller.journal import open_store
from controller.journal.facts import facts
from controller.parts.installed import local_folder

ROLLOUTS: Final = 1_000
MOST_S: Final = 60.0
_CORES: Final = 2
_TEMPLATES: Final = 2

_STRICTER: Final = {
    "name": "stricter",
    "steps": [{"weight": "5 %", "hold": "24h"}],
    "evidence": {"alpha": 0.01, "slower": "20 %"},
}
"""Other rules of evidence than the plan on record has: no verdict can be taken from there."""

Tell = Callable[[str], None]


def measure(services: int, rollouts_each: int, tell: Tell) -> Report:
    """
    Measure, and write it to .local/bench/backtest.json as well.

    services: more than there are cores, on which the first of them are decided again for comparison.
    """
    folder = local_folder() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as inside:
        report = _measured(Path(inside), services, rollouts_each, tell)
    (folder / "backtest.json").write_text(json.dumps(report.told(), indent=2) + "\n")
    return report


def _measured(folder: Path, services: int, rollouts_each: int, tell: Tell) -> Report:
    tell(f"deciding {_TEMPLATES} times {rollouts_each} days of {WINDOWS} windows")
    with ProcessPoolExecutor(_CORES, get_context("spawn")) as pool:
        made = list(pool.map(lived, range(1, _TEMPLATES + 1), [rollouts_each] * _TEMPLATES))
    size = Size(services, rollouts_each * WINDOWS, rollouts_each, _TEMPLATES)
    tell(f"filling SQLite with {services} services")
    url = f"sqlite:///{folder / 'segue.db'}"
    fill_sqlite(folder / "segue.db", size, made, lambda _: None)
    plan = folder / "stricter.json"
    plan.write_text(json.dumps(_STRICTER))
    tell("deciding some of it again, for the machine code that is made the first time on a machine")
    _decided_again(url, plan, size, size.names[:_CORES])
    tell(f"deciding {_CORES} services again, one on each core")
    few = _decided_again(url, plan, size, size.names[:_CORES])
    tell(f"deciding all {services} again")
    many = _decided_again(url, plan, size, size.names)
    tell("folding one day bare")
    day = asyncio.run(_day(url, size.names[0]))
    fold_s = _folded_s(day)
    windows = ROLLOUTS * WINDOWS
    floor_s = fold_s / sum(isinstance(one.event, WindowMeasured) for one in day) * windows / _CORES
    start_s, window_s = _line(few.windows, few.took_s, many.windows, many.took_s)
    start_cpu_s, window_cpu_s = _line(few.windows, few.computed_s, many.windows, many.computed_s)
    name = f"{ROLLOUTS} rollouts of 24 h decided again on {_CORES} cores: a start, and so many windows"
    told = (
        f"bare fold of the same facts: {floor_s:.0f} s; measured: {few.windows} windows in {few.took_s:.1f} s, "
        f"{many.windows} in {many.took_s:.1f} s"
    )
    computed_s = start_cpu_s + window_cpu_s * windows
    figures = [
        Figure("backtest", name, start_s + window_s * windows, "s", most=MOST_S, told=told),
        Figure("backtest", "what of that is computing, shared by the cores", computed_s / _CORES, "s"),
        Figure("backtest", "computing a window", window_cpu_s * 1e6, "us"),
        Figure("backtest", "computing a start, of all processes", start_cpu_s, "s"),
        Figure("floor", "folding a window", fold_s / len(day) * 1e6, "us"),
    ]
    return Report({"rollouts": services * rollouts_each, "windows": many.windows}, figures)


@dataclass(frozen=True, slots=True)
class _Run:
    """windows: how many were decided again. took_s: by the clock. computed_s: by all processes."""

    windows: int
    took_s: float
    computed_s: float


def _decided_again(url: str, plan: Path, size: Size, services: Sequence[str]) -> _Run:
    command = [sys.executable, "-m", "controller.cli", "backtest", "--plan", str(plan), "--json"]
    named = [word for service in services for word in ("--service", service)]
    # What Python has compiled it keeps, as it does where Segue is installed; only the first run goes without.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began, before_s = time.perf_counter(), _children_s()
    done = subprocess.run(  # our own command
        [*command, *named], env={**env, "SEGUE_DATABASE_URL": url}, stdout=subprocess.PIPE, check=True
    )
    run_s, computed_s = time.perf_counter() - began, _children_s() - before_s
    rollouts = len(services) * size.rollouts_each
    compared = len(json.loads(done.stdout)["rollouts"])
    assert compared == rollouts + len(services), "each service had a first release besides"
    return _Run(rollouts * WINDOWS - len(services), run_s, computed_s)


def _line(few: int, few_s: float, many: int, many_s: float) -> tuple[float, float]:
    """Return what it takes without any window, and what each adds."""
    window_s = (many_s - few_s) / (many - few)
    return few_s - few * window_s, window_s


def _children_s() -> float:
    """Return what ended children, and theirs, have computed, seconds: another's load is no part of it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
