"""What happens in one run: which messages come when, and what fails where. Plain values, so that any can be dropped."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controller.wire.topics import Topic

CONTROL: Final = ("control-a", "control-b")
GATEWAYS: Final = ("gateway-a", "gateway-b")


class Fault(StrEnum):
    """What goes wrong."""

    KILLED = "killed"
    """At `at_s`, and `count` steps later, the process is dropped; it is begun anew after `for_s`."""
    STOPPED = "stopped"
    """At `at_s` the process is not run any more for `for_s`, and then goes on as if nothing had been."""
    REBALANCED = "rebalanced"
    """At `at_s` all partitions are shared out anew."""
    KAFKA_AWAY = "Kafka away"
    """From `at_s` for `for_s` Kafka does not answer."""
    COMPACTED = "compacted"
    """At `at_s` Kafka drops older routing tables of a service from the topic."""
    READ_REFUSED = "read refused"
    """From `at_s` on, as all that follow: the process's next transaction that only reads fails."""
    WRITE_REFUSED = "write refused"
    WRITE_RIVALLED = "write rivalled"
    """Somebody else wrote first."""
    COMMIT_UNANSWERED = "commit unanswered"
    """It is committed, and the process hears that the database is away."""
    ACK_REFUSED = "acknowledgement refused"
    """The group has forgotten the member."""
    ACK_UNANSWERED = "acknowledgement unanswered"
    """It counts, the group forgets the member, and the process hears that it is refused."""
    SEND_REFUSED = "send refused"
    SEND_UNANSWERED = "send unanswered"
    """Kafka has the message, and the process hears that it has not."""
    POLL_FAILED = "poll failed"
    POLL_SLOW = "poll slow"
    """What is there is only seen after `for_s`."""
    START_REFUSED = "start refused"
    """Kafka cannot be reached by who connects."""
    WAKE_LOST = "wake-up lost"
    LATE_COMMIT = "late commit"
    """The outbox's numbers were taken before those of transactions that commit earlier."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fault. count: of steps until a process is killed. at_s, for_s: seconds."""

    fault: Fault
    process: str = ""
    at_s: float = 0.0
    count: int = 0
    for_s: float = 0.0

    def __str__(self) -> str:
        where = f" {self.process}" if self.process else ""
        steps = f" and {self.count} steps" if self.fault is Fault.KILLED else ""
        return f"{self.fault}{where} at {self.at_s:g} s{steps}" + (f" for {self.for_s:g} s" if self.for_s else "")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that somebody outside sends at at_s. key: the service it is addressed to."""

    at_s: float
    topic: Topic
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    told: str

    def __str__(self) -> str:
        return f"{self.at_s:g} s {self.topic}: {self.told}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    One run. seed: what remains to be drawn while it runs, above all how long each answer takes. batch: how many
    messages are decided together at most; few, and a small flood is more than one of them.
    """

    seed: int
    partitions: int
    inputs: tuple[Sent, ...]
    faults: tuple[Event, ...] = ()
    batch: int = 100
    control: tuple[str, ...] = CONTROL
    gateways: tuple[str, ...] = GATEWAYS

    @property
    def ends_s(self) -> float:
        """When the last input came and the last fault began, seconds."""
        return max([0.0, *(one.at_s for one in self.inputs), *(one.at_s + one.for_s for one in self.faults)])
