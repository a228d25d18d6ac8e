"""What is to be spoken and by whom, and what all attempts at it share."""

from dataclasses import dataclass, field

from controller.core.names import Release
from controller.core.routing import Pick, RoutingTable
from controller.gateway.admission import Admission
from controller.gateway.budget import FailoverBudget, HedgeBudget
from controller.gateway.engine import Engine
from controller.gateway.evidence import Evidence
from controller.gateway.failures import Failure, Failures
from controller.gateway.metrics import Metrics
from controller.gateway.tables import Tables

Place = tuple[str, Release]
"""Where an utterance is at work: a service and one of its releases."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """
    What is to be spoken, and by whom.

    table: the one of the pick; an utterance does not notice a swap. groups: the text in groups of sentences.
    characters: of the whole text. ahead: how many groups are spoken before the answer begins. exact: the caller named
    the release, so no other may answer. mirrored: the candidate is to speak a copy that nobody hears. failed: attempts
    at it that failed, copies aside.
    """

    table: RoutingTable
    pick: Pick
    groups: tuple[str, ...]
    speed: float
    characters: int
    ahead: int
    exact: bool = False
    mirrored: bool = False
    failed: list[Failure] = field(default_factory=list, compare=False)


@dataclass(frozen=True, slots=True)
class Means:
    """
    What attempts share.

    tables: those in use, which need not be the ones that attempts began by. timeout_s: how long a release may take over
    one group of sentences. late_s: when a release that has said nothing is late, from when it was turned to; no more
    than timeout_s. patience_s: a caller who leaves later than this without any audio was failed; one who leaves sooner
    says nothing about the release.
    """

    engine: Engine
    metrics: Metrics
    tables: Tables
    admission: Admission[Place]
    budget: FailoverBudget[Place]
    hedges: HedgeBudget[Place]
    evidence: Evidence
    failures: Failures
    timeout_s: float
    late_s: float
    patience_s: float
