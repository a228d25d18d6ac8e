"""
One child process, on a leash: it is ready within a deadline or says why not, and it never outlives its parent.

The kernel holds the leash (PR_SET_PDEATHSIG, set by `setpriv` just before the program starts), so it also holds when
the parent dies by `kill -9`. The child gets a session of its own, so Ctrl-C at the terminal reaches only the parent,
which then stops its children in the order it wants.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.core.errors import Broken, Unavailable

# The kernel ties the leash to the *thread* that starts the child. This one lives as long as the interpreter, so a part
# may be started from a short-lived thread (several parts start side by side) and still outlive it.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="part-starter")

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Program:
    """
    What to start, and how.

    env is added to the parent's own environment. user runs the program as that account (only root can).
    stop_signal asks for an orderly end; after grace_s seconds the whole process group is killed.
    """

    name: str
    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0

    @property
    def log(self) -> Path:
        """Where the program's standard output and error go, appended over restarts."""
        return self.folder / f"{self.name}.log"


class Process:
    """A `Program` that runs, can be stopped, and can be started again on the same data."""

    def __init__(self, program: Program, ready: Callable[[], bool], deadline_s: float) -> None:
        """ready is asked again and again until it is true; deadline_s is how long, in seconds."""
        self.program = program
        self._ready = ready
        self._deadline_s = deadline_s
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The child's process id; Broken when it was not started."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether the child is alive now."""
        return self._child is not None and self._child.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it is alive now and, by whatever its start waits for, ready."""
        return self.running and self._ready()

    def start(self) -> Self:
        """
        Start the program and return when it is ready.

        Raises Broken when the program is missing or ends at once, Unavailable when it is not ready by the deadline;
        both quote the end of its log, and neither leaves a process behind.
        """
        assert not self.running, f"{self.program.name} was started twice"
        self.program.folder.mkdir(parents=True, exist_ok=True)
        self._child = _STARTER.submit(_spawn, self.program).result()
        try:
            self._wait_until_ready()
        except BaseException:  # Ctrl-C while waiting must not leave the child either
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End the program in order: its stop signal, then SIGKILL for whatever is left of its group."""
        if self._child is None:
            return
        if self.running:
            self._child.send_signal(self.program.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(self.program.grace_s)
        self.kill()

    def kill(self) -> None:
        """End the program and its group at once, as a crash would."""
        child = self._started()
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._child = None

    def restart(self) -> Self:
        """Stop, then start the same program on the same data."""
        self.stop()
        return self.start()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the program's log, for an error or a report."""
        text = self.program.log.read_text(errors="replace") if self.program.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise Broken(f"{self.program.name} is not running: start it first")
        return self._child

    def _wait_until_ready(self) -> None:
        child = self._started()
        deadline = time.monotonic() + self._deadline_s
        while not self._ready():
            if (status := child.poll()) is not None:
                raise Broken(self._complaint(f"ended with status {status} before it was ready"))
            if time.monotonic() > deadline:
                raise Unavailable(self._complaint(f"was not ready within {self._deadline_s:g} s"))
            time.sleep(_POLL_S)

    def _complaint(self, what: str) -> str:
        return f"{self.program.name} {what}; the end of its log {self.program.log}:\n{self.log_tail()}"


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    with program.log.open("ab") as log:
        try:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *program.argv],
                env={**os.environ, **program.env},
                cwd=program.folder,
                user=program.user,
                group=program.user,
                extra_groups=None if program.user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except FileNotFoundError as missing:
            raise Broken(f"cannot start {program.name}: {missing.filename} is missing; run `make setup`") from missing
