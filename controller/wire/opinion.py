"""What a gate of kind http is asked and answers: the contract with an outside service that has an opinion."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from controller.core.gate import Figure, Outcome
from controller.wire.fields import Count


class _Part(BaseModel):
    # What the service says besides is its own affair.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class AskedWindow(_Part):
    """Milliseconds since 1970 UTC, of the window that was measured last."""

    start_ms: int
    end_ms: int


class Question(_Part):
    """
    POSTed as JSON.

    release, stable: versions of the candidate and of what it is compared with. step: of the plan, counted from 0.
    weight_bp: the candidate's share of the traffic now, basis points.
    """

    service: str
    rollout: str
    release: str
    stable: str
    step: int
    weight_bp: int
    window: AskedWindow


class OpinionFigure(_Part):
    """One figure that an opinion rests on; value and limit in one unit."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    value: float
    limit: float = 0.0
    samples: Count = 0

    def figure(self) -> Figure:
        """Return the core's figure."""
        return Figure(self.name, self.value, self.limit, self.samples)


class Opinion(_Part):
    """The answer, with a status below 300. What is not one of the three outcomes is no answer, and so is silence."""

    outcome: Literal["pass", "fail", "inconclusive"]
    reason: Annotated[str, StringConstraints(max_length=500)] = ""
    figures: Annotated[list[OpinionFigure], Field(max_length=50)] = Field(default_factory=list)

    @property
    def verdict(self) -> Outcome:
        """The core's outcome."""
        return Outcome(self.outcome)
