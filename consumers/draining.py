"""
Waiting until nobody hears a release that nobody wants any more: counted, by what routers reported of themselves.

Triton cannot count utterances: one that is between two of its groups is no request there. The gateways can, and the
journal knows what they said last. A ceiling holds for whoever says nothing, and for a router that died.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Final

from controller.core.draining import may_speak
from controller.core.errors import SegueError
from controller.core.events import AnyEvent, ReleaseDrained, RouteApplied, RouterEnded, RouteSet
from controller.journal import Store, views

NEWS: Final[tuple[type[AnyEvent], ...]] = (RouteSet, RouteApplied, ReleaseDrained, RouterEnded)
"""The kinds of facts from which it follows who may speak with what."""

_LOOK_S: Final = 1.0
_MOST_NAMED: Final = 5
# Fewer than there are connections, or threads on SQLite. A worker that starts may find one of every
# service leaving, and is asked meanwhile, by way of the same store, whether it is ready.
_ASKED_AT_ONCE: Final = 2

_log = logging.getLogger(__name__)


class Draining:
    """Waits for any number of releases at once, and asks the store about a few of them at a time."""

    def __init__(self, store: Store, ceiling_s: float) -> None:
        """ceiling_s: how long nobody's word is waited for any more, seconds."""
        self._store = store
        self._ceiling_s = ceiling_s
        self._asking = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def drained(self, ensemble: str, services: AbstractSet[str], news: asyncio.Event) -> str:
        """
        Return once no router of these services may speak with an ensemble, or at the ceiling; say which it was.

        services: all that had it; may grow meanwhile. news: set by whoever learns of a fact of `NEWS` about them;
        without it the journal is looked at every second. While the database is away nothing is news.
        """
        began_s = time.monotonic()
        waits_for = "the journal could not be read"
        while True:
            try:
                async with self._asking:
                    news.clear()
                    waits_for = await _waits_for(self._store, ensemble, services, self._ceiling_s)
            except SegueError as error:
                _log.warning("who still speaks with %s is not known now: %s", ensemble, error)
            took_s = time.monotonic() - began_s
            if not waits_for:
                return f"it carries no traffic, and after {took_s:.1f} s nobody heard it any more"
            if took_s >= self._ceiling_s:
                return f"it carries no traffic, and SEGUE_DRAIN_S ({self._ceiling_s:g} s) was over while {waits_for}"
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_S, self._ceiling_s - took_s)):
                    await news.wait()


async def _waits_for(store: Store, ensemble: str, services: Iterable[str], ceiling_s: float) -> str:
    """Say what an ensemble is waited for; "" when for nothing any more."""
    speaking: set[str] = set()
    for service in sorted(services):
        parting = await views.parting(store, service, ensemble)
        routers = await views.routers(store, service)
        speakers = None if parting is None else may_speak(ensemble, parting, routers, ceiling_s)
        if speakers is None:
            return f"no router had said that it goes on without it in {service}"
        speaking.update(speakers)
    if not speaking:
        return ""
    others = f" and {len(speaking) - _MOST_NAMED} more" if len(speaking) > _MOST_NAMED else ""
    return f"{', '.join(sorted(speaking)[:_MOST_NAMED])}{others} might still speak with it"
