"""
Who speaks an utterance: the picked release or, when that fails before the first byte, the next that may.

Every attempt counts for the release that made it, whoever answers the user in the end. Nothing is hedged: two releases
never speak one utterance at a time, and once a byte was sent no other release takes over. A release of which no
endpoint is left is not asked while another may answer, so a dead candidate costs its users no wait.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from controller.core.routing import Arm, Role
from controller.gateway.admission import Admission, Crowded, Limits
from controller.gateway.attempt import Attempt, Means, Place, Utterance
from controller.gateway.budget import FailoverBudget
from controller.gateway.engine import Engine, ReleaseFault
from controller.gateway.evidence import Evidence
from controller.gateway.failures import Failures
from controller.gateway.metrics import Metrics
from controller.gateway.underway import UnderWay

log = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""How long callers can be expected to wait for a first sound."""

_FAILOVER_ORDER = (Role.CANDIDATE, Role.STABLE, Role.PREVIOUS)


class Speaker:
    """Whoever turns utterances into audio, within each release's limits."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        *,
        timeout_s: float,
        limits: Limits | None = None,
        patience_s: float = PATIENCE_S,
        under_way: UnderWay | None = None,
        failures: Failures | None = None,
    ) -> None:
        """timeout_s, patience_s: see `Means`."""
        self._metrics = metrics
        self._under_way = under_way or UnderWay()
        admission: Admission[Place] = Admission(limits or Limits(), self._count_inside)
        budget, evidence = FailoverBudget[Place](), Evidence(metrics)
        kept = failures or Failures()
        self.means = Means(engine, metrics, admission, budget, evidence, kept, timeout_s, patience_s)

    @asynccontextmanager
    async def speaking(self, utterance: Utterance) -> AsyncIterator[Attempt]:
        """
        Give the attempt that works, with the audio that is spoken ahead at hand and its place held.

        Raises ReleaseFault when no release that may answer can, and Crowded when there is no place: always before
        anything was given, so that the caller can still be told.
        """
        picked, others = utterance.pick.arm, _others(utterance)
        turn = self._under_way.begin(
            utterance.table.service, (picked.release.ensemble, *(arm.release.ensemble for arm in others))
        )
        try:
            attempt = await self._begin(utterance, others)
        except BaseException:
            self._under_way.end(turn)
            raise
        self._under_way.settle(turn, attempt.arm.release.ensemble)
        attempt.left = partial(self._under_way.end, turn)
        try:
            yield attempt
        finally:
            attempt.leave()

    async def _begin(self, utterance: Utterance, others: list[Arm]) -> Attempt:
        picked = utterance.pick.arm
        # Those that are gone come last: a release nobody expects to speak is still better than no answer.
        others = sorted(others, key=self.means.engine.gone)
        attempt = Attempt(self.means, utterance, picked, stand_in=self._first_allowed(utterance, others))
        while True:
            try:
                await attempt.begin()
            except (ReleaseFault, Crowded) as fault:
                following = self._next(utterance, others)
                if following is None:
                    raise
                self._note(utterance, attempt.arm, following, fault)
                stand_in = self._first_allowed(utterance, others)
                attempt = Attempt(self.means, utterance, following, stand_in, failed_over_from=picked)
            else:
                return attempt

    def _first_allowed(self, utterance: Utterance, others: list[Arm]) -> Arm | None:
        service, budget = utterance.table.service, self.means.budget
        return next((arm for arm in others if budget.allows((service, arm.release))), None)

    def _next(self, utterance: Utterance, others: list[Arm]) -> Arm | None:
        arm = self._first_allowed(utterance, others)
        if arm is not None:
            others.remove(arm)
        return arm

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
