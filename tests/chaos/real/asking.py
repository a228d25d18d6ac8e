"""Who asks for what the fault is to meet, and who publishes all kinds of things meanwhile."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.chaos.real.hands import Hands

_CHAT_EVERY_S = 0.2


class Asking:
    """Somebody who asks, on a thread of their own, and goes on until it is taken."""

    def __init__(self, ask: Callable[[], float]) -> None:
        """ask: returns when it was taken, milliseconds since 1970."""
        self._asked_ms = 0.0

        def asked() -> None:
            self._asked_ms = ask()

        self._thread = threading.Thread(target=asked, name="asking")
        self._thread.start()

    def result(self) -> float:
        """Wait until it was taken, and return when that was."""
        self._thread.join()
        return self._asked_ms


@contextmanager
def chatting(hands: Hands, service: str, release: str) -> Iterator[None]:
    """Let others publish what is noted, refused, or unreadable, until the block ends, about services beside this."""
    stop = threading.Event()
    thread = threading.Thread(target=_chat, args=(hands, service, release, stop), name="chatter")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _chat(hands: Hands, service: str, release: str, stop: threading.Event) -> None:
    for number in itertools.count():
        if stop.wait(_CHAT_EVERY_S):
            return
        beside = f"{service}-{number % 5}"
        match number % 3:
            case 0:
                hands.alert(beside, release, "notify")
            case 1:
                hands.order(beside, "pause")
            case 2:
                hands.nonsense(beside)


def now_ms() -> float:
    """Return the time, milliseconds since 1970."""
    return time.time() * 1000
