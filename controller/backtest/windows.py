"""What was measured of a rollout on record, as far as a comparison needs it: requests by window, and who answered."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from controller.core.events import WindowMeasured

Counts = NDArray[np.int64]


@dataclass(slots=True)
class Windows:
    """
    One rollout's. counts: of each window start and end, milliseconds since 1970, and users' requests on the candidate.

    Blind windows say nothing and are left out. memory: whether any footprint is known. answered: names of gates that
    somebody or something answered.
    """

    memory: bool = False
    answered: set[str] = field(default_factory=set)
    _counts: list[Counts] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        """All windows, one a row."""
        return np.concatenate(self._counts) if self._counts else np.empty((0, 3), np.int64)

    def note(self, event: WindowMeasured) -> None:
        """Add one window."""
        if not event.blind:
            window = event.window
            self.count(np.array([[window.start_ms, window.end_ms, window.candidate.requests]]))
            self.memory = self.memory or event.memory is not None
            self.answered.update(reading.gate for reading in event.readings)

    def count(self, rows: Counts) -> None:
        """Add windows that were counted."""
        self._counts.append(rows)
