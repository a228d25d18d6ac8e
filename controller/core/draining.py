"""
Who may still speak with a release that nobody wants any more, by what the routers of one service reported.

A router says with which table it goes on and which ensembles it may ask from then on. So it is waited for as long as it
names the release, and while its word may be older than a table that did. Who cannot be asked is never taken for silent:
a router that does not say what it speaks with may speak with anything, and where nobody reports nobody vouches.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Router:
    """
    What a router reported last of one service.

    speaking: the ensembles that it may ask, None when it did not say. named: those that the table of `epoch` names.
    behind_since_ms: when the table after that one was set, None when there is none yet.
    """

    router: str
    epoch: int
    speaking: tuple[str, ...] | None
    named: tuple[str, ...]
    behind_since_ms: int | None


@dataclass(frozen=True, slots=True)
class Parting:
    """
    How a release left a service's tables: `epoch`, set at `at_ms`, is the first after the last one that named it.

    epoch 0: no table ever did.
    """

    epoch: int
    at_ms: int


def may_speak(
    ensemble: str, parting: Parting, routers: Iterable[Router], silent_after_s: float
) -> tuple[str, ...] | None:
    """
    Return the routers that may still ask an ensemble for something; None when nobody can tell.

    silent_after_s: a router that had not reported a newer table for so long when the release left is taken for dead. It
    is waited for only for what its own last table or word names; otherwise every router that was ever killed would
    delay every release there will be.
    """
    if parting.epoch == 0:
        return ()
    known = tuple(routers)
    if not any(one.speaking is not None and one.epoch >= parting.epoch for one in known):
        return None
    return tuple(one.router for one in known if _may_speak(ensemble, parting, one, silent_after_s))


def _may_speak(ensemble: str, parting: Parting, router: Router, silent_after_s: float) -> bool:
    since = router.behind_since_ms
    dead = since is not None and parting.at_ms - since > 1000 * silent_after_s
    if ensemble in (router.named if router.speaking is None else router.speaking):
        return True
    # Its word of a table that names the release may be on its way, and so may the table itself.
    return not dead and (router.speaking is None or router.epoch < parting.epoch)
