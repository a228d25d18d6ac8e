"""What a plan may ask before a rollout goes on, or watch all along: its gates."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class GateKind(StrEnum):
    """Who answers a gate."""

    EVIDENCE = "evidence"
    """The engine in `controller/core/evidence`, by the plan's `rules`."""
    MEMORY = "memory"
    """The candidate's memory, by the plan's `memory`."""
    PROMETHEUS = "prometheus"
    """A PromQL query whose value is compared with `above` and `below`."""
    PROBE = "probe"
    """Golden prompts that both releases speak; what the candidate says must be sound and as long as stable's."""
    HTTP = "http"
    """An outside service that answers pass, fail or inconclusive."""
    APPROVAL = "approval"
    """A person, perhaps of one role."""
    FLEET = "fleet"
    """
    How many rollouts of other services come first: they serve users, or began earlier.

    It never fails, but waits while they are beyond a bound.
    """


class NoData(StrEnum):
    """What a gate makes of silence. Passing is not among the choices."""

    HOLD = "hold"
    ROLLBACK = "rollback"


_ANSWERED_BY_US: Final = (GateKind.EVIDENCE, GateKind.MEMORY)
_BY_VALUE: Final = (GateKind.PROMETHEUS, GateKind.FLEET)


@dataclass(frozen=True, slots=True)
class Gate:
    """
    One question. Steps name the gates that they end with; a gate that no step names is asked all along.

    query: PromQL (prometheus) or URL (http). above, below: values beyond which it fails, in the query's own unit.
    persist: how many readings in a row must fail before it counts, so that one blip takes nothing back.
    no_data: what it makes of a reading without a value. role: who may approve, "" for every operator.
    prompts: how many golden prompts a probe speaks. timeout_s: of one question.
    dry_run: it is asked and recorded, and never decides.
    """

    name: str
    kind: GateKind
    query: str = ""
    above: float | None = None
    below: float | None = None
    persist: int = 1
    no_data: NoData = NoData.HOLD
    role: str = ""
    prompts: int = 5
    timeout_s: float = 5.0
    dry_run: bool = False

    def __post_init__(self) -> None:
        where = f"gate {self.name}"
        if self.kind in (GateKind.PROMETHEUS, GateKind.HTTP) and not self.query.strip():
            wanted = "a PromQL expression" if self.kind is GateKind.PROMETHEUS else "a URL"
            raise ValueError(f"{where}: query is empty; give {wanted}")
        if self.kind is GateKind.HTTP and not self.query.startswith(("http://", "https://")):
            raise ValueError(f"{where}: query is {self.query!r}; allowed: a URL with http:// or https://")
        bounds = [bound for bound in (self.above, self.below) if bound is not None]
        if self.kind in _BY_VALUE and not bounds:
            raise ValueError(f"{where}: it has no bound; give above, below or both")
        if self.kind not in _BY_VALUE and bounds:
            raise ValueError(f"{where}: above and below belong to gates of kind prometheus and fleet only")
        if not all(math.isfinite(bound) for bound in bounds):
            raise ValueError(f"{where}: a bound is no finite number")
        if self.role and self.kind is not GateKind.APPROVAL:
            raise ValueError(f"{where}: role belongs to gates of kind approval only")
        if not 1 <= self.persist <= 1000:
            raise ValueError(f"{where}: persist is {self.persist}; allowed: 1 to 1000 readings")
        if not 1 <= self.prompts <= 100:
            raise ValueError(f"{where}: prompts is {self.prompts}; allowed: 1 to 100")
        if not 0 < self.timeout_s <= 60:
            raise ValueError(f"{where}: timeout_s is {self.timeout_s}; allowed: above 0, up to 60")

    @property
    def is_read(self) -> bool:
        """Say whether somebody has to ask outside and report what came of it."""
        return self.kind not in (*_ANSWERED_BY_US, GateKind.APPROVAL)

    def fails_at(self, value: float) -> bool:
        """Say whether a value lies beyond a bound."""
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)
