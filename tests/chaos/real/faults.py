"""What is done to the stack, what is promised of it, and how soon all must be well again."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.chaos.real.candidates import garbage
from tests.chaos.real.clocks import jumped
from tests.chaos.real.disks import full
from tests.chaos.real.strikes import (
    Strike,
    all_killed,
    also,
    away,
    cut,
    joined,
    killed,
    paused,
    poisoned,
    restarted,
    stopped,
    trapped,
    without_kafka,
)

_PG: Final = ("postgresql",)
_BOTH: Final = ("postgresql", "sqlite")
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Fault:
    """
    goal_s: from `counted` to the moment when every gateway follows what was decided; None where none is promised.
    counted: "asked", from when the request or alert was taken; "back", from when what was away is back, taking what was
    asked meanwhile included. kind: whose members it befalls. users: whether somebody may be left without audio
    meanwhile. stores: on which it can be done. stage: during what alone it makes sense, "" any. disk: whether it
    takes a disk of one's own.
    """

    name: str
    kind: str
    strike: Strike
    goal_s: float | None
    counted: str = "asked"
    users: bool = False
    stores: tuple[str, ...] = _BOTH
    stage: str = ""
    disk: bool = False


_POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "control": (
        "before-read",
        "after-read",
        "before-commit",
        "after-commit",
        "before-offset",
        "before-publish",
        "after-publish",
    ),
    "gateway": ("before-apply", "after-apply"),
}

_LINKS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "decider and Kafka": ("control", "kafka", _BOTH),
    "decider and PostgreSQL": ("control", "postgres", _PG),
    "gateway and Kafka": ("gateway", "kafka", _BOTH),
}

# With SQLite all deciders share one machine, and so its clock.
_CLOCKS: Final = (("decider", "control", _PG), ("release worker", "releases", _BOTH), ("gateway", "gateway", _BOTH))


def _between(what: str, strike: Callable[[str], Strike], goal_s: float) -> Iterator[Fault]:
    for between, (kind, part, stores) in _LINKS.items():
        yield Fault(f"link of {between} {what}", kind, strike(part), goal_s, "back", stores=stores)


def _candidate(what: str, strike: Strike) -> Fault:
    """Users of a bad candidate are heard by stable, and the alert takes it back."""
    return Fault(f"candidate {what}", "candidate", strike, 2, stage="rollback")


CATALOGUE: Final = (
    *(Fault(f"decider killed {point}", "control", trapped(point), 2) for point in _POINTS["control"]),
    *(Fault(f"gateway killed {point}", "gateway", trapped(point), None) for point in _POINTS["gateway"]),
    Fault("decider killed", "control", killed, 2),
    Fault("release worker killed", "releases", killed, 2),
    Fault("gateway killed", "gateway", killed, None),
    Fault("API killed", "api", killed, 2),
    Fault("Kafka killed", "kafka", away, 5, "back"),
    Fault("PostgreSQL killed", "postgres", away, 3, "back", stores=_PG),
    Fault("Triton killed", "triton", killed, 2, users=True),
    Fault("Prometheus killed", "prometheus", away, 2),
    Fault("decider restarted", "control", restarted, 2),
    Fault("decider joins and leaves", "control", joined, 2),
    Fault("decider paused for 30 s", "control", paused(30), 10, stores=_PG),
    # It may hold SQLite's only lock just then.
    Fault("decider paused for 30 s", "control", paused(30), 5, "back", stores=("sqlite",)),
    Fault("decider stopped for 9 s with a batch in hand", "control", stopped("after-read", 9), 10),
    Fault("decider stopped for 30 s before its commit", "control", stopped("before-commit", 30), 10, stores=_PG),
    Fault("decider stopped for 9 s before it publishes", "control", stopped("before-publish", 9), 10),
    Fault("gateway paused for 12 s", "gateway", paused(12), 5, "back", users=True),
    Fault("Kafka paused for 3 s", "kafka", paused(3), 5, "back"),
    Fault("PostgreSQL paused for 3 s", "postgres", paused(3), 3, "back", stores=_PG),
    Fault("Prometheus paused for 3 s", "prometheus", paused(3), 2),
    Fault("both deciders killed", "control", all_killed, 5, "back"),
    Fault("both release workers killed", "releases", all_killed, 5, "back"),
    Fault("both APIs killed", "api", all_killed, 2, "back"),
    Fault("both gateways killed", "gateway", all_killed, None, users=True),
    Fault("Kafka and a decider killed", "kafka", also("control", killed, away), 5, "back"),
    Fault("Kafka and PostgreSQL killed", "kafka", also("postgres", away, away), 5, "back", stores=_PG),
    # The other gateway may not have the table yet when Kafka goes.
    Fault("gateway killed after-apply, and Kafka", "gateway", without_kafka("after-apply"), 5, "back", users=True),
    Fault("Kafka and a gateway killed", "kafka", also("gateway", killed, away), 5, "back"),
    Fault("Kafka's disk full for 3 s", "kafka", full, 5, "back", disk=True),
    Fault("PostgreSQL's disk full for 3 s", "postgres", full, 5, "back", stores=_PG, disk=True),
    Fault("SQLite's disk full for 3 s", "store", full, 5, "back", stores=("sqlite",), disk=True),
    Fault("gateway's disk full for 3 s", "gateway", full, 2, disk=True),
    *(
        Fault(f"{who}'s clock an hour {way} for 4 s", kind, jumped(by_s), 2, stores=stores)
        for who, kind, stores in (
            ("decider", "control", _PG),
            ("release worker", "releases", _BOTH),
            ("gateway", "gateway", _BOTH),
        )
        for way, by_s in (("ahead", _HOUR_S), ("behind", -_HOUR_S))
    ),
    _candidate("dead", cut("triton")),
    _candidate("killed", killed),
    _candidate("paused for 3 s", paused(3)),
    _candidate("slow by 1 s", poisoned("triton", "latency", latency=1000)),
    _candidate("resetting", poisoned("triton", "reset_peer", timeout=0)),
    _candidate("cut off after 2 kB", poisoned("triton", "limit_data", bytes=2_000)),
    _candidate("answering garbage", garbage),
    Fault("link to Prometheus cut", "observers", cut("prometheus"), 2),
    *_between("cut", cut, 5),
    *_between("half open", lambda part: poisoned(part, "timeout", timeout=0), 5),
    *_between("reset", lambda part: poisoned(part, "reset_peer", timeout=0), 5),
    *_between("slow by 0.5 s", lambda part: poisoned(part, "latency", latency=500), 5),
    *_between("cut off after 2 kB", lambda part: poisoned(part, "limit_data", bytes=2_000), 5),
)
