"""What was measured of a rollout on record, as far as a comparison needs it: requests by window, and who answered."""

from dataclasses import dataclass, field

from controller.core.events import WindowMeasured


@dataclass(slots=True)
class Windows:
    """
    One rollout's. counts: start and end of each window, milliseconds since 1970, and users' requests on the candidate.

    memory: whether any footprint is known. answered: names of gates that somebody or something answered.
    """

    counts: list[tuple[int, int, int]] = field(default_factory=list)
    memory: bool = False
    answered: set[str] = field(default_factory=set)

    def note(self, event: WindowMeasured) -> None:
        """Add one window; blind ones say nothing."""
        if not event.blind:
            window = event.window
            self.counts.append((window.start_ms, window.end_ms, window.candidate.requests))
            self.memory = self.memory or event.memory is not None
            self.answered.update(reading.gate for reading in event.readings)
