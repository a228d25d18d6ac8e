"""`segue up` end to end: everything starts, what dies comes back, and nothing outlives it, however it ends."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.segue import COMMAND, TONE, Segue, segue_in
from tests.parts.sessions import living, wait_until_empty
from tests.supervise.test_plan import taken

READY_WITHIN_S = 120


def ready(up: "subprocess.Popen[str]") -> Any:
    """Wait until `segue up` tells its addresses; fail with its own words when it ends before."""
    assert up.stdout is not None
    document = ""
    while not document.endswith("}\n"):
        line = up.stdout.readline()
        assert line, f"segue up ended with {up.wait()}: {up.stderr.read() if up.stderr else ''}"
        document += line
    return json.loads(document)


def soon(true: Callable[[], bool], within_s: float = 60) -> None:
    """Ask again and again; fail when it is not true in time."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.2)


def pids(segue: Segue) -> dict[str, int]:
    """The process ids of all members, by name."""
    return {one["name"]: one["pid"] for one in segue.json("status")["members"]}


def restarts(segue: Segue) -> dict[str, int]:
    """How often each member was brought back; asked while one may be down."""
    return {one["name"]: one["restarts"] for one in segue.json("status", code=None)["members"]}


def nothing_left(members: dict[str, int]) -> None:
    """Fail when a process of any member's session still runs."""
    left = {name: wait_until_empty(pid, within_s=10) for name, pid in members.items()}
    assert not any(left.values()), left


def test_up_keeps_everything_running_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """
    Members start, a killed one comes back, `down` and a crash of the supervisor leave no process, and the next `up`
    on the same folder knows everything that was decided before.
    """
    segue = segue_in(tmp_path)
    segue.json("release", "build", str(TONE), "--version", "1.0.0")

    up = segue.start_up()
    try:
        addresses = ready(up)
        members = pids(segue)
        assert set(members) == {
            *("kafka", "triton", "prometheus", "alertmanager"),
            *("control", "releases", "gateway", "api"),
        }
        assert all(living(pid) for pid in members.values())
        assert set(segue.json("status")["states"].values()) == {"running"}
        assert Path(addresses["tokens"]).stat().st_mode & 0o077 == 0
        second = segue("up", "--free-ports")
        assert second.code == 1
        assert "`segue down`" in second.err

        started = segue.json("rollout", "start", "tone", "--release", "1.0.0", "--reason", "first", "--plan", "quick")
        assert [fact["type"] for fact in started["facts"]] == ["RolloutStarted"]
        assert segue("rollout", "watch", "tone", "--until-done", "--json").code == 0
        assert json.load(urllib.request.urlopen(f"{addresses['gateway']}/v1/models"))["data"][0]["id"] == "tone"  # noqa: S310 - our own address

        os.kill(members["api"], signal.SIGSTOP)
        assert segue.json("status", code=1)["states"]["api"] == "not ready"
        os.kill(members["api"], signal.SIGCONT)

        os.killpg(members["gateway"], signal.SIGKILL)
        soon(lambda: restarts(segue)["gateway"] == 1)
        soon(lambda: segue("status").code == 0)
        members |= pids(segue)

        assert segue("down").code == 0
        assert up.wait(10) == 0
        nothing_left(members)
    finally:
        up.kill()
        up.communicate()

    again = segue.start_up()
    try:
        ready(again)
        members = pids(segue)
        assert segue.json("rollout", "status", "tone")["stable"] == "1.0.0"
        soon(lambda: bool(segue.json("replay", "--from", "kafka", "--check")["services"]))
    finally:
        again.kill()
        again.communicate()
    nothing_left(members)
    assert segue("status").code == 1


def test_a_start_that_is_interrupted_is_told_from_an_end(tmp_path: Path) -> None:
    """Who is stopped before all is ready ends with 130, as every verb does; only what was ready can end well."""
    up = segue_in(tmp_path).start_up()
    assert up.stderr is not None
    begun = up.stderr.readline()
    up.send_signal(signal.SIGINT)
    out, err = up.communicate(timeout=READY_WITHIN_S)
    assert (up.returncode, out) == (130, ""), begun + err
    assert err.endswith("stopped; nothing is left running\nsegue: interrupted\n")


@pytest.mark.parametrize(
    ("database", "named"),
    [
        pytest.param("", "segue.db", id="a file that is no database"),
        pytest.param(
            "postgresql+asyncpg://segue:secret@127.0.0.1:1/voices", "127.0.0.1:1/voices", id="a server that is away"
        ),
    ],
)
def test_what_cannot_start_is_told_and_leaves_nothing_behind(tmp_path: Path, database: str, named: str) -> None:
    """A database that cannot be asked stops `up` with a sentence, and no part that had started is left."""
    segue = segue_in(tmp_path, SEGUE_DATABASE_URL=database)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "segue.db").write_text("this is no database" * 100)
    up = segue.start_up()
    out, err = up.communicate(timeout=READY_WITHIN_S)
    assert up.returncode in (1, 3), err
    assert out == ""
    assert named in err
    assert "secret" not in err
    assert "Traceback" not in err
    assert segue("status").code == 1


def test_a_part_that_moved_from_its_usual_port_is_told(tmp_path: Path) -> None:
    """Who looks for Kafka where it always is has to know that another program is there; `up` need not come so far."""
    segue = segue_in(tmp_path, SEGUE_GATEWAY_PORT="0", SEGUE_API_PORT="0")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "segue.db").write_text("this is no database" * 100)
    with taken(9092):
        up = subprocess.Popen(
            [*COMMAND, "up"], env=segue.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        _, err = up.communicate(timeout=READY_WITHIN_S)
    assert re.search(r"kafka +another program listens on port 9092, so \d+ is used instead", err)
