"""What the kernel says of a process: the CPU it took, the memory it holds, the files it has open."""

import os
from pathlib import Path
from typing import Final

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return user and system time of a process so far, seconds."""
    # The name in parentheses may hold spaces; what follows it is numbers.
    fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def memory_mib(pid: int) -> float:
    """Return the memory that a process holds, MiB."""
    status = (Path("/proc") / str(pid) / "status").read_text()
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kib) / 1024


def open_files(pid: int) -> int:
    """Return how many files, sockets and pipes a process has open."""
    return len(list((Path("/proc") / str(pid) / "fd").iterdir()))
