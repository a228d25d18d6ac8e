"""
Who speaks an utterance: the picked release or, when that fails before the first byte, the next that may.

Every attempt counts for the release that made it, whoever answers the user in the end. Nothing is hedged: two releases
never speak one utterance at a time, and once a byte was sent no other release takes over.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controller.core.routing import Arm, Role
from controller.gateway.admission import Admission, Crowded, Limits
from controller.gateway.attempt import Attempt, Means, Place, Utterance
from controller.gateway.budget import FailoverBudget
from controller.gateway.engine import Engine, ReleaseFault
from controller.gateway.evidence import Evidence
from controller.gateway.metrics import Metrics

log = logging.getLogger(__name__)

_FAILOVER_ORDER = (Role.CANDIDATE, Role.STABLE, Role.PREVIOUS)


class Speaker:
    """Whoever turns utterances into audio, within each release's limits."""

    def __init__(self, engine: Engine, metrics: Metrics, *, timeout_s: float, limits: Limits | None = None) -> None:
        """timeout_s: how long a release may take over one group of sentences."""
        self._metrics = metrics
        admission: Admission[Place] = Admission(limits or Limits(), self._count_inside)
        self._means = Means(engine, metrics, admission, FailoverBudget(), Evidence(metrics), timeout_s)

    @asynccontextmanager
    async def speaking(self, utterance: Utterance, ahead: int) -> AsyncIterator[Attempt]:
        """
        Give the attempt that works, with the audio of its first `ahead` groups at hand and its place held.

        Raises ReleaseFault when no release that may answer can, and Crowded when there is no place: always before
        anything was given, so that the caller can still be told.
        """
        attempt = await self._begin(utterance, ahead)
        try:
            yield attempt
        finally:
            attempt.leave()

    async def _begin(self, utterance: Utterance, ahead: int) -> Attempt:
        picked = utterance.pick.arm
        attempt = Attempt(self._means, utterance, picked)
        others = _others(utterance)
        while True:
            try:
                await attempt.begin(ahead)
            except (ReleaseFault, Crowded) as fault:
                following = self._next(utterance, others)
                if following is None:
                    raise
                self._note(utterance, attempt.arm, following, fault)
                attempt = Attempt(self._means, utterance, following, failed_over_from=picked)
            else:
                return attempt

    def _next(self, utterance: Utterance, others: list[Arm]) -> Arm | None:
        while others:
            arm = others.pop(0)
            if self._means.budget.allows((utterance.table.service, arm.release)):
                return arm
        return None

    def _note(self, utterance: Utterance, arm: Arm, following: Arm, fault: Exception) -> None:
        service = utterance.table.service
        self._metrics.failovers.labels(service, arm.release.version).inc()
        log.warning(
            "failed over before the first byte",
            extra={
                "service": service,
                "release": arm.release.version,
                "to": following.release.version,
                "epoch": utterance.table.epoch,
                "fault": str(fault),
            },
        )

    def _count_inside(self, place: Place, inside: int) -> None:
        service, release = place
        self._metrics.inflight.labels(service, release.version).set(inside)


def _others(utterance: Utterance) -> list[Arm]:
    if utterance.exact:
        return []
    after = _FAILOVER_ORDER.index(utterance.pick.arm.role) + 1
    arms = (utterance.table.arm(role) for role in _FAILOVER_ORDER[after:])
    return [arm for arm in arms if arm is not None]
