"""What the gateway asks of whoever speaks: one text in, samples out, or one of four ways to fail."""

from typing import ClassVar, NamedTuple, Protocol

from controller.core.errors import SegueError, Unavailable
from controller.core.routing import Arm, EndpointFault
from controller.gateway.encode import Samples


class ReleaseFault(SegueError):
    """
    A release did not speak.

    outcome: how segue_requests_total counts it. kind: how the journal calls it. endpoint: host:port of the Triton that
    was asked last.
    """

    outcome: ClassVar[str] = "error"
    kind: ClassVar[EndpointFault] = EndpointFault.FAILED
    endpoint: str = ""


class ModelFailed(ReleaseFault):
    """It answered that it could not, or what it sent is no audio."""


class ModelTimedOut(ReleaseFault):
    """It did not answer in time."""

    outcome = "timeout"
    kind = EndpointFault.TIMED_OUT


class EngineAway(ReleaseFault, Unavailable):
    """Nobody answers at its address."""

    kind = EndpointFault.AWAY


class NotLoaded(ReleaseFault, Unavailable):
    """The server is there and has not loaded this release (yet), as in the first seconds after a restart."""

    kind = EndpointFault.NOT_LOADED


class NoneLeft(EngineAway):
    """All its endpoints are left alone, and another release can answer."""


class TakenBack(SegueError):
    """Nobody hears the attempt, and its release has left the table in use: it may be unloaded, and is not asked."""


class Spoken(NamedTuple):
    """What a release said. audio: int16 samples, mono. endpoint: host:port of the Triton that it came from."""

    audio: Samples
    endpoint: str


class Engine(Protocol):
    """Whoever can make a release speak, on one or more endpoints."""

    async def infer(self, arm: Arm, text: str, speed: float, timeout_s: float) -> Spoken:
        """Return the arm's release speaking. Raises ReleaseFault, and never quotes the text in it."""
        ...

    def endpoints(self, arm: Arm) -> tuple[str, ...]:
        """Return where the arm's release lives, host:port each; at least one."""
        ...

    def gone(self, arm: Arm) -> bool:
        """Say whether no endpoint is left on which the arm's release could be expected to speak."""
        ...
