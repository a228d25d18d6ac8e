"""One supervised process: it is brought back when it ends without having been asked to."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from controller.core.errors import Broken, SegueError
from controller.parts.process import Process

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_STEADY_S = 30.0


class Child:
    """A process under watch. `restarts` counts how often it was brought back, `changed` is called each time."""

    def __init__(self, process: Process, changed: Callable[[], None], *, steady_s: float = _STEADY_S) -> None:
        """steady_s: whoever ran this long starts again without a pause."""
        self.name = process.program.name
        self.restarts = 0
        self._process = process
        self._steady_s = steady_s
        self._changed = changed
        # Held around whatever starts or ends the process, so that the watch never revives what is being stopped.
        self._lock = threading.RLock()
        self._wanted = threading.Event()
        self._released = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, name=f"watch-{self.name}", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process id, None while it is down."""
        try:
            return self._process.pid if self._process.running else None
        except Broken:  # it was taken down between the two questions
            return None

    @property
    def running(self) -> bool:
        """Whether it is alive now."""
        return self._process.running

    @property
    def process(self) -> Process:
        """The process itself: its program, its log."""
        return self._process

    def start(self) -> None:
        """
        Start it, return when it is ready, and watch it from then on.

        Raises what `Process.start` raises, and Broken once the watch has ended for good.
        """
        with self._lock:
            if self._released.is_set():
                raise Broken(f"{self.name} is not started any more: what it is part of is being stopped")
            self._wanted.set()
            try:
                self._process.start()
            except BaseException:
                self._wanted.clear()
                raise
        if not self._watch.is_alive():
            self._watch.start()
        self._changed()

    def stop(self) -> None:
        """End it in order; it stays down until `start`."""
        self._wanted.clear()
        self._end(self._process.stop)

    def kill(self, *, revive: bool = True) -> None:
        """End it at once, as a crash would; it is brought back unless revive is False."""
        if not revive:
            self._wanted.clear()
        self._end(self._process.kill)

    def restart(self) -> None:
        """Stop it, then start it again on the same data."""
        self.stop()
        self.start()

    def release(self) -> None:
        """End the watch for good; the process itself is left as it is."""
        self._released.set()
        self._wanted.clear()

    def _end(self, end: Callable[[], None]) -> None:
        while not self._lock.acquire(timeout=_LOOK_EVERY_S):
            # Someone waits for it to become ready. Without its process that wait is over at once.
            if self._process.running:
                with suppress(Broken):
                    self._process.kill()
        try:
            if self._process.running:
                end()
        finally:
            self._lock.release()
        self._changed()

    def _keep_alive(self) -> None:
        pause_s, since = _FIRST_PAUSE_S, time.monotonic()
        while not self._released.wait(_LOOK_EVERY_S):
            if not self._missing():
                continue
            if time.monotonic() - since > self._steady_s:
                pause_s = _FIRST_PAUSE_S
            _log.warning("%s ended by itself; starting it again in %.1f s", self.name, pause_s)
            if self._released.wait(pause_s):
                return
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            self._revive()
            since = time.monotonic()

    def _missing(self) -> bool:
        if not self._wanted.is_set() or self._process.running:
            return False
        # Or somebody is just about to start it.
        with self._lock:
            return self._wanted.is_set() and not self._process.running

    def _revive(self) -> None:
        with self._lock:
            if not self._wanted.is_set() or self._process.running:
                return
            self.restarts += 1
            try:
                self._process.start()
            except SegueError as error:
                _log.error("%s", error, extra={"child": self.name, "restarts": self.restarts})
        self._changed()
