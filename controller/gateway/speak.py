"""
Who speaks an utterance: the picked release or, when that fails before the first byte, the next that may.

Every attempt counts for the release that made it, whoever answers the user in the end, and once a byte was sent no
other release takes over. A release of which no endpoint is left is not asked while another may answer, so a dead
candidate costs its users no wait; what a late one costs them is in `race`.
"""

from functools import partial
from typing import Final

from controller.core.routing import Arm, Role
from controller.gateway.admission import Admission, Limits
from controller.gateway.attempt import Attempt
from controller.gateway.budget import FailoverBudget, HedgeBudget
from controller.gateway.engine import Engine
from controller.gateway.evidence import Evidence
from controller.gateway.failures import Failures
from controller.gateway.metrics import Metrics
from controller.gateway.race import Race
from controller.gateway.tables import Tables
from controller.gateway.underway import UnderWay
from controller.gateway.unheard import Unheard
from controller.gateway.utterance import Means, Place, Utterance

PATIENCE_S: Final = 5.0
"""How long callers can be expected to wait for a first sound."""

_LATE_SHARE: Final = 0.25
"""Of the time-out, after which a release that has said nothing is late."""

_FAILOVER_ORDER = (Role.CANDIDATE, Role.STABLE, Role.PREVIOUS)


class Speaker:
    """Whoever turns utterances into audio, within each release's limits."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        tables: Tables,
        *,
        timeout_s: float,
        limits: Limits | None = None,
        late_s: float | None = None,
        patience_s: float = PATIENCE_S,
        under_way: UnderWay | None = None,
        failures: Failures | None = None,
        late: Unheard | None = None,
    ) -> None:
        """late: where attempts go on that are not waited for any more. For tables and times see `Means`."""
        self._metrics = metrics
        self._under_way = under_way or UnderWay()
        admission: Admission[Place] = Admission(limits or Limits(), self._count_inside)
        self._late = late or Unheard()
        self.means = Means(
            engine,
            metrics,
            tables,
            admission,
            FailoverBudget(),
            HedgeBudget(),
            Evidence(metrics),
            failures or Failures(),
            timeout_s,
            min(timeout_s, timeout_s * _LATE_SHARE if late_s is None else late_s),
            patience_s,
        )

    async def begin(self, utterance: Utterance) -> Attempt:
        """
        Return the attempt that works, with the audio that is spoken ahead at hand; its place is held until it `leave`s.

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
        return attempt

    async def _begin(self, utterance: Utterance, others: list[Arm]) -> Attempt:
        if others:
            return await Race(self.means, utterance, others, self._late).heard()
        attempt = Attempt(self.means, utterance, utterance.pick.arm)
        await attempt.begin()
        return attempt

    def _count_inside(self, place: Place, inside: int) -> None:
        service, release = place
        self._metrics.inflight(service, release.version).set(inside)


def _others(utterance: Utterance) -> list[Arm]:
    if utterance.exact:
        return []
    after = _FAILOVER_ORDER.index(utterance.pick.arm.role) + 1
    arms = (utterance.table.arm(role) for role in _FAILOVER_ORDER[after:])
    return [arm for arm in arms if arm is not None]
