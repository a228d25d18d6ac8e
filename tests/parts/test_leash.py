"""Every part is gone when it is stopped, and when its parent is killed: nothing is left to hold a port or a core."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.parts.ports import free_port
from controller.parts.postgres import Postgres
from tests.parts.every import EVERY
from tests.parts.sessions import living, wait_until_empty


@pytest.mark.parametrize("name", EVERY)
def test_stop_leaves_no_process(name: str, tmp_path: Path) -> None:
    """A part that is stopped in order leaves nothing of its session behind."""
    part = EVERY[name](tmp_path)
    session = part.pid
    assert session in living(session)
    part.stop()
    assert living(session) == []
    if isinstance(part, Postgres):
        part.erase()


@pytest.mark.parametrize("name", EVERY)
def test_killed_parent_leaves_no_process(name: str, tmp_path: Path) -> None:
    """When the parent dies by kill -9, its part and the part's own helpers end within seconds."""
    argv = [sys.executable, "-m", "tests.parts.every", name, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        session = int(parent.stdout.readline())
        assert session in living(session)
        parent.send_signal(signal.SIGKILL)
    left = wait_until_empty(session, within_s=10)
    for pid in left:  # a test that fails must not leave what it found
        os.kill(pid, signal.SIGKILL)
    if name == "postgres":
        Postgres(tmp_path, free_port()).erase()
    assert left == []
