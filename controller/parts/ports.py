"""Free ports on loopback, chosen where no outgoing connection of the machine can take them before they are used."""

import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from controller.core.errors import Unavailable

LOOPBACK = "127.0.0.1"

# Below Linux's range for outgoing connections (32768-60999): a part that is down for a restart finds its port again.
_RANGE = range(20000, 32000)


def free_ports(count: int, among: Sequence[int] = _RANGE) -> tuple[int, ...]:
    """Choose count different ports that nobody listens on now. Raises Unavailable when there are not so many."""
    # Drawn from the system, not in order: two test runs that start together must not choose the same ones.
    candidates = random.SystemRandom().sample(among, len(among))
    with ExitStack() as held:
        chosen: list[int] = []
        while len(chosen) < count:
            if not candidates:
                raise Unavailable(f"no {count} free ports on {LOOPBACK} among {len(among)}: stop what listens there")
            port = candidates.pop()
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            chosen.append(port)
        return tuple(chosen)


def is_free(port: int) -> bool:
    """
    Say whether a server can listen on this port now.

    Unlike `free_ports`, whose choice suits any program, this counts a port as free while connections of a server that
    has ended die away on it (TIME_WAIT, a minute on Linux): every server that we start listens there all the same.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Choose one port that nobody listens on now."""
    return free_ports(1)[0]
