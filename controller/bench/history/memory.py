"""
How much more memory a replay takes after millions of facts than after the first hundred thousand.

A process of its own replays a store, service after service, and keeps what came of each, as a replay of all does. Its
resident memory is read as it goes on.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import text

from controller.bench.figures import Figure
from controller.bench.history.filling import Tell
from controller.core.stream import History
from controller.journal import open_store
from controller.replay import replay_sql

MOST_MIB: Final = 64.0


def grown(url: str, part: str, first: int, last: int, within_s: float, tell: Tell) -> list[Figure]:
    """
    Return by how much a replay's memory grows between so many facts, as far as it gets within a time.

    first: facts after which its memory counts as what it begins with.
    """
    seen = list(_seen(url, last, within_s, tell))
    begun = next((mib for facts, mib in seen if facts >= first), seen[-1][1])
    facts, most = seen[-1][0], max(mib for _, mib in seen)
    told = f"from {begun:.0f} MiB at {first} facts to {most:.0f} MiB at {facts}"
    enough = MOST_MIB if facts >= last else None
    return [Figure(part, "memory of a replay, growth", most - begun, "MiB", most=enough, told=told)]


def _seen(url: str, last: int, within_s: float, tell: Tell) -> Iterator[tuple[int, float]]:
    # The address has a password, so it goes by standard input and into no list of processes.
    argv = [sys.executable, "-m", __name__, str(last), str(within_s)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(url)
        child.stdin.close()
        try:
            for line in child.stdout:
                facts, mib = json.loads(line)
                yield facts, mib
                if facts % 500_000 < 20_000:
                    tell(f"memory of a replay: {facts} facts, {mib:.0f} MiB")
        finally:
            child.kill()


async def _replay(url: str, last: int, within_s: float) -> None:
    store = await open_store(url)
    names = [row.service for row in await store.rows(text("SELECT service FROM services ORDER BY service"), {})]
    histories: dict[str, History] = {}
    facts, until = 0, time.monotonic() + within_s
    for name in names:
        histories |= await replay_sql(store, name)
        facts += histories[name].position
        sys.stdout.write(json.dumps([facts, _resident_mib()]) + "\n")
        sys.stdout.flush()
        if facts >= last or time.monotonic() > until:
            break
    await store.close()


def _resident_mib() -> float:
    """Return the most that this process ever had in memory."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    asyncio.run(_replay(sys.stdin.read(), int(sys.argv[1]), float(sys.argv[2])))
