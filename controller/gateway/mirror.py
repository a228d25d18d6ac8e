"""
Copies of stable's requests that the candidate speaks, measured and thrown away: what it would do, before any user.

A copy begins when its user was answered, and nobody waits for it. It takes no place from the candidate's own users: it
begins only while a place would be free at once, stands in no line, and is not counted in the places that users take.
What it costs is bounded: no more than MOST_COPIES of a service are at work, and what is over that is dropped and
counted. Copies never fail over, and their failures spend no release's fail-over budget.
"""

from dataclasses import replace
from hashlib import blake2b
from typing import Final

from controller.core.names import FULL_BP
from controller.core.routing import Arm, Pick, Role, RoutingTable, Why
from controller.gateway.admission import Admission, Limits
from controller.gateway.attempt import Attempt
from controller.gateway.budget import FailoverBudget
from controller.gateway.unheard import Unheard, to_its_end
from controller.gateway.utterance import Means, Place, Utterance

MOST_COPIES: Final = 4
"""Of one service at a time, in one gateway."""


def mirrored(table: RoutingTable, chosen: Pick, user: str) -> bool:
    """
    Say whether a request is to be copied: one that chance gave to stable, of the share of users that is mirrored.

    Always of the same users; they are drawn apart from those who hear the candidate.
    """
    if not table.mirror_bp or chosen.arm.role is not Role.STABLE or chosen.why is Why.FORCED:
        return False
    # As the sticky bucket is drawn, but for `person`: with that one, mirrored users would be the next who hear it.
    hash = blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8, key=table.salt.encode()[:64], person=b"mirror")
    return int.from_bytes(hash.digest(), "big") % FULL_BP < table.mirror_bp


class Mirror:
    """Whoever decides what is copied, and lets the candidate speak it."""

    def __init__(self, means: Means, copies: Unheard) -> None:
        """means: of the users' own attempts."""
        self._users = means.admission
        self._tables = means.tables
        self._copies = copies
        self._dropped = means.metrics.mirror_dropped
        admission: Admission[Place] = Admission(Limits(concurrent=MOST_COPIES, waiting=0), _unseen)
        self._means = replace(means, admission=admission, budget=FailoverBudget())

    def offer(self, utterance: Utterance) -> None:
        """Copy an utterance whose user was answered, if it is to be copied; returns at once and raises nothing."""
        if not utterance.mirrored:
            return
        table = utterance.table
        candidate = table.arm(Role.CANDIDATE)
        if candidate is None or self._tables.get(table.service) is not table:
            # A candidate that was taken back while its user was answered is asked for nothing more.
            return
        at_work = self._copies.at_work(table.service)
        free = self._users.free((table.service, candidate.release)) - at_work
        if at_work >= MOST_COPIES or free <= 0:
            self._dropped.labels(table.service, candidate.release.version).inc()
            return
        self._copies.start(table.service, self._speak(utterance, candidate))

    async def _speak(self, utterance: Utterance, candidate: Arm) -> None:
        # Of a candidate that is gone the copies fail without being sent, as its users' requests do.
        attempt = Attempt(self._means, utterance, candidate, utterance.table.arm(Role.STABLE), copied=True)
        # In the steps of the original, or the two could not be compared.
        await to_its_end(attempt.begin(), attempt)


def _unseen(_place: Place, _inside: int) -> None:
    """Tell nobody: segue_inflight is about users."""
