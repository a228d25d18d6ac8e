"""What the gateway asks of whoever speaks: one text in, samples out, or one of four ways to fail."""

from typing import ClassVar, Protocol

from controller.core.errors import SegueError, Unavailable
from controller.gateway.encode import Samples


class ReleaseFault(SegueError):
    """A release did not speak. outcome: how segue_requests_total counts it."""

    outcome: ClassVar[str] = "error"


class ModelFailed(ReleaseFault):
    """It answered that it could not, or what it sent is no audio."""


class ModelTimedOut(ReleaseFault):
    """It did not answer in time."""

    outcome = "timeout"


class EngineAway(ReleaseFault, Unavailable):
    """Nobody answers at its address."""


class NotLoaded(ReleaseFault, Unavailable):
    """The server is there and has not loaded this release (yet), as in the first seconds after a restart."""


class Engine(Protocol):
    """Whoever can make a release speak. address: host:port, as metrics name it."""

    @property
    def address(self) -> str: ...

    async def infer(self, ensemble: str, text: str, speed: float, timeout_s: float) -> Samples:
        """Return int16 samples, mono. Raises ReleaseFault, and never quotes the text in it."""
        ...
