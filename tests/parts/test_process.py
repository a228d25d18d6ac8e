"""What a child process on a leash promises, whatever the program."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from controller.core.errors import Broken, Unavailable
from controller.parts.process import Process, Program
from tests.parts.sessions import living


def python(folder: Path, code: str, grace_s: float = 5.0) -> Program:
    return Program("program", [sys.executable, "-u", "-c", code], folder, grace_s=grace_s)


def sleeper(folder: Path, name: str = "sleeper") -> Process:
    return Process(Program(name, ["sleep", "600"], folder), ready=lambda: True, deadline_s=5)


def test_never_ready_is_unavailable(tmp_path: Path) -> None:
    """A program that is not ready in time is ended, and the error quotes the end of its log."""
    pids = tmp_path / "pid"
    program = python(tmp_path, f"import os, time; open({str(pids)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    with pytest.raises(Unavailable, match=r"program was not ready within 0\.5 s; the end of its log .*program\.log"):
        Process(program, ready=lambda: False, deadline_s=0.5).start()
    assert living(int(pids.read_text())) == []


def test_early_end_is_broken(tmp_path: Path) -> None:
    """A program that ends before it is ready is told at once, with its status and its last words."""
    program = python(tmp_path, "print('no such port'); raise SystemExit(3)")
    with pytest.raises(Broken, match=r"ended with status 3 .*\n(.*\n)*no such port"):
        Process(program, ready=lambda: False, deadline_s=30).start()


def test_missing_program_is_broken(tmp_path: Path) -> None:
    """A program that is not there is named."""
    with pytest.raises(Broken, match="no-such-program"):
        Process(Program("gone", ["no-such-program"], tmp_path), ready=lambda: False, deadline_s=30).start()


def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    """Stopping ends a program that ignores the request, and the helper it started, once the grace is over."""
    started = tmp_path / "started"
    code = (
        "import pathlib, signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"subprocess.Popen(['sleep', '600']); pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    )
    process = Process(python(tmp_path, code, grace_s=0.2), ready=started.exists, deadline_s=10).start()
    session = process.pid
    assert len(living(session)) == 2
    process.stop()
    assert living(session) == []
    assert not process.running


def test_own_session(tmp_path: Path) -> None:
    """A part leads a session of its own, so Ctrl-C at the terminal does not reach it."""
    with sleeper(tmp_path).start() as process:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)


def test_outlives_the_thread_that_asked(tmp_path: Path) -> None:
    """A part started from a thread lives on when the thread ends: only the parent process holds the leash."""
    process = sleeper(tmp_path)
    asked = threading.Thread(target=process.start)
    asked.start()
    asked.join()
    with process:
        time.sleep(0.2)
        assert process.running


def test_restart_appends_to_the_log(tmp_path: Path) -> None:
    """A restart starts the same program again and keeps what its first life wrote."""
    done = tmp_path / "done"
    code = f"import pathlib, time; print('hello'); pathlib.Path({str(done)!r}).touch(); time.sleep(600)"
    with Process(python(tmp_path, code), ready=done.exists, deadline_s=10).start() as process:
        first = process.pid
        done.unlink()
        process.restart()
        assert process.pid != first
        assert process.log_tail().splitlines() == ["hello", "hello"]
