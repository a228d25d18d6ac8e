"""Ctrl-C: long work ends at once, says so, and leaves no process behind."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from controller.handle import handle
from controller.journal import open_store
from controller.journal.schema import upgrade
from controller.parts.postgres import Postgres, start_postgres
from controller.spread import cores
from tests.cli.segue import COMMAND, Segue, segue_in
from tests.journal.messages import alert, installed, rolling

SERVICES = ("hibari", "suzume", "tsubame")
SOON_S = 15.0
"""Sooner than the 30 s after which a command gives up waiting for its database."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL in which several services have a history."""

    async def live(url: str) -> None:
        store = await open_store(url)
        for service in SERVICES:
            taken_back = [*rolling(service=service), alert("1.5.0", 20_000, service=service)]
            await handle(store, [*installed(service), *taken_back])
        await store.close()

    running: Postgres = start_postgres(tmp_path_factory.mktemp("postgres"))
    url = running.create("segue")
    upgrade(url)
    asyncio.run(live(url))
    yield url
    running.erase()


def ctrl_c(process: "subprocess.Popen[str]") -> None:
    """Say it as a terminal does, to everybody who works for it."""
    os.killpg(process.pid, signal.SIGINT)


def kill_int(process: "subprocess.Popen[str]") -> None:
    """Say it to the command alone."""
    process.send_signal(signal.SIGINT)


def of_session(session: int) -> list[int]:
    """Return the processes that a command started with a session of its own, and itself, as far as they live."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(place.parent.name))
    return found


@contextmanager
def standing_still(pids: Sequence[int]) -> Iterator[None]:
    """Let processes do nothing for as long as the block lasts."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def until(what: str, found: Callable[[], object]) -> None:
    """Wait for something to become true."""
    deadline_s = time.monotonic() + SOON_S
    while not found():
        assert time.monotonic() < deadline_s, f"{what} did not happen"
        await asyncio.sleep(0.02)


def started(segue: Segue, *arguments: str) -> "subprocess.Popen[str]":
    """Begin a command in a session of its own."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=segue.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


async def waiting_for_a_lock(connection: "asyncpg.Connection[asyncpg.Record]", number: int) -> list[int]:
    """Return the processes of the database that wait for one, once there are so many."""
    async with asyncio.timeout(2 * SOON_S):
        while True:
            found = [row["pid"] for row in await connection.fetch("SELECT pid FROM pg_locks WHERE NOT granted")]
            if len(found) >= number:
                return found


@pytest.mark.parametrize("interrupt", [ctrl_c, kill_int])
async def test_a_backtest_that_is_interrupted_ends_its_processes(
    database: str, tmp_path: Path, interrupt: Callable[["subprocess.Popen[str]"], None]
) -> None:
    """In the middle of its work, which waits for a journal that somebody has locked."""
    segue = segue_in(tmp_path, SEGUE_DATABASE_URL=database)
    connection = await asyncpg.connect(database.replace("+asyncpg", ""))
    async with connection.transaction():
        await connection.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
        process = started(segue, "backtest", "--plan", "at-once")
        waiting = await waiting_for_a_lock(connection, min(cores(), len(SERVICES)))
        assert len(of_session(process.pid)) > len(waiting)
        with standing_still(waiting):  # or the database would tell them within 5 s that the lock cannot be had
            interrupt(process)
            out, err = await asyncio.to_thread(process.communicate, timeout=SOON_S)
            await until("its processes end", lambda: not of_session(process.pid))
    await connection.close()
    assert (process.returncode, out, err) == (130, "", "segue: interrupted\n")


@pytest.mark.parametrize("how", [(), ("--jobs", "2"), ("--decide",)], ids=["alone", "shared", "decide"])
async def test_a_replay_that_is_interrupted_says_so(database: str, tmp_path: Path, how: tuple[str, ...]) -> None:
    """It does not wait until it may read on."""
    connection = await asyncpg.connect(database.replace("+asyncpg", ""))
    async with connection.transaction():
        await connection.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
        process = started(segue_in(tmp_path, SEGUE_DATABASE_URL=database), "replay", *how)
        await waiting_for_a_lock(connection, 1)
        ctrl_c(process)
        out, err = await asyncio.to_thread(process.communicate, timeout=SOON_S)
        await until("its processes end", lambda: not of_session(process.pid))
    await connection.close()
    assert (process.returncode, out, err) == (130, "", "segue: interrupted\n")
