"""What a running tree leaves in its data folder: where everything answers, who runs, and a lock that says it does."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from controller.core.errors import Broken

_LOCK = "up.lock"
_RECORD = "up.json"
# Whoever looks whether a tree runs holds the lock for an instant; that alone must not turn a new one away.
_TRIES, _PAUSE_S = 5, 0.05


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the tree. pid: None while it is down. log: its log file. ready_url: "" for an outside part."""

    name: str
    pid: int | None
    restarts: int
    log: str
    ready_url: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """
    A tree as other processes on this machine see it.

    pid: of the supervisor. started_at: ISO 8601, UTC. addresses: settings' names to addresses ("kafka", "gateway_url").
    """

    pid: int
    started_at: str
    addresses: Mapping[str, str]
    members: tuple[Member, ...]


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data folder's lock, and take the record away at the end. Raises Broken when another tree holds it."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / _LOCK).open("a") as lock:
        if not any(_take(lock) for _ in range(_TRIES)):
            raise Broken(
                f"a Segue already runs on {data}: see `segue status`, stop it with `segue down`, "
                "or name another folder in SEGUE_DATA"
            )
        try:
            yield
        finally:
            (data / _RECORD).unlink(missing_ok=True)


def write_record(data: Path, record: Record) -> None:
    """Put the record in the data folder, whole or not at all."""
    draft = data / f".{_RECORD}"
    draft.write_text(json.dumps(asdict(record), indent=2) + "\n")
    os.replace(draft, data / _RECORD)


def read_record(data: Path) -> Record | None:
    """Return the record of the tree that runs on this folder now; None when none does."""
    if not is_held(data):
        return None
    try:
        body = json.loads((data / _RECORD).read_text())
    except FileNotFoundError:  # it is just starting, or just ending
        return None
    members = tuple(Member(**member) for member in body.pop("members"))
    return Record(members=members, **body)


def is_held(data: Path) -> bool:
    """Say whether a tree holds this folder now, be it starting, running or ending."""
    try:
        with (data / _LOCK).open("a") as probe:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_PAUSE_S)
        return False
    return True
