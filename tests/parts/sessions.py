"""Who still lives in a part's session: the part leads one, so its helpers are found there even without a parent."""

import time
from pathlib import Path

SESSION_FIELD, STATE_FIELD = 3, 0  # of /proc/PID/stat, counted after the command's closing parenthesis


def living(session: int) -> list[int]:
    """The ids of the session's processes that still run; a zombie does not."""
    return [pid for pid in _all() if _runs_in(pid, session)]


def wait_until_empty(session: int, within_s: float) -> list[int]:
    """The processes left when the session is empty or the time is up: none, if all is well."""
    deadline = time.monotonic() + within_s
    while (left := living(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _all() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _runs_in(pid: int, session: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[STATE_FIELD] != "Z" and int(fields[SESSION_FIELD]) == session
