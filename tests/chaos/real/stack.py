"""
What the faults befall: Kafka, a database, Prometheus, Triton, and two of each of our processes, on links of their own.

Candidates live on a Triton of their own, which is named after them. `building` puts it together.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.parts.ports import LOOPBACK
from controller.supervise.child import Child
from controller.supervise.tokens import Tokens
from tests.chaos.real.toxiproxy import Toxiproxy


@dataclass(frozen=True, slots=True)
class Stack:
    """
    The whole, running.

    store: "postgresql" or "sqlite". database: as a visitor reaches it. ports: of our processes, by name. traps: the
    folder of `trapped`. spares: processes that wait to be started. disks: of whom has one, where it is. stable,
    candidate: the endpoints of their releases.
    """

    folder: Path
    store: str
    database: str
    kafka: str
    repository: Path
    tokens: Tokens
    children: Mapping[str, Child]
    ports: Mapping[str, int]
    toxiproxy: Toxiproxy
    traps: Path
    spares: Mapping[str, Child]
    disks: Mapping[str, Path]
    stable: str
    candidate: str

    def named(self, kind: str) -> list[str]:
        """Return the members of a kind: "control", "gateway" and so on."""
        return [name for name in dict.fromkeys((*self.children, *self.disks)) if kind_of(name) == kind]

    def url(self, name: str) -> str:
        """Return where one of our processes answers HTTP."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def ready(self, name: str) -> bool:
        """Say whether a member runs and calls itself ready."""
        return self.children[name].process.ready

    def clock(self, name: str) -> Path:
        """Return the file that one of our processes takes its time of day from, see `wrong_time`."""
        return self.traps / f"{name}.clock"

    @contextmanager
    def meanwhile(self, work: Callable[[], object]) -> Iterator[None]:
        """Do something besides the block, and wait for its end. Raises what it raised."""
        with ThreadPoolExecutor(1, thread_name_prefix="meanwhile") as pool:
            done = pool.submit(work)
            yield
            done.result()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a member and all its processes."""
        if (pid := self.children[name].pid) is not None:
            os.killpg(pid, number)


def kind_of(name: str) -> str:
    """Return what a member is one of: "control-2" is one of "control"."""
    return name.split("-")[0]
