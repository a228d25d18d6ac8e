"""
What people, Alertmanager and workers say in one run: a tale for each service, doubles and nonsense among it.

The tales are aimed, or most messages would meet no rollout: a release is asked for, found ready or failed, watched,
condemned or let through. Chance moves every message, so that many of them come too early or too late.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

from controller.wire.messages import MessageType
from controller.wire.topics import INBOUND, Topic
from tests.simulation.messages import PLANS, alert, failed, ordered, ready, requested
from tests.simulation.schedule import Sent

SERVICES: Final = ("hibari", "iwa", "suzume", "tsubame")
_ORDERS: Final = (
    MessageType.PAUSE,
    MessageType.RESUME,
    MessageType.PROMOTE,
    MessageType.ROLLBACK,
    MessageType.ADVANCE,
    MessageType.OVERRIDE,
)
_NONSENSE: Final = (b"", b"{", b"\xff\xfe", b'{"specversion":"1.0"}', b"[1,2]", None, b'{"data":{"service":"hibari"}}')
_NO_TABLES: Final = (None, b"{", b'{"service":"nobody"}')
_NOBODY: Final = b"nobody"


def draw_inputs(chance: Random) -> tuple[Sent, ...]:
    """Draw everything that is said in one run, in the order of time."""
    services = SERVICES[: chance.choice((1, 2, 3, 4))]
    sent = [one for service in services for one in _Tale(service, chance).told()]
    for _ in range(chance.choice((0, 0, 0, 1))):
        sent += _flood(chance.choice(services), chance)
    again = [_again(one, chance) for one in sent if chance.random() < 0.12]
    nonsense = [_nonsense(services, chance) for _ in range(chance.choice((0, 0, 1, 2)))]
    return tuple(sorted([*sent, *again, *nonsense], key=lambda one: one.at_s))


class _Tale:
    def __init__(self, service: str, chance: Random) -> None:
        self._service = service
        self._chance = chance
        self._at_s = chance.uniform(0, 2)
        self._number = 0

    def told(self) -> Iterator[Sent]:
        """Tell of the first release and of one to three more."""
        for minor in range(self._chance.choice((2, 2, 3, 4))):
            version = f"1.{minor}.0"
            yield requested(*self._named(), version, self._chance.choice(PLANS))
            yield from self._prepared(version)
            if minor:
                yield from self._lived(version)
            self._later(2, 9)

    def _prepared(self, version: str) -> Iterator[Sent]:
        self._later(0.2, 2)
        fate = self._chance.random()
        if fate < 0.85:
            yield ready(*self._named(), version)
        elif fate < 0.95:
            yield failed(*self._named(), version)

    def _lived(self, version: str) -> Iterator[Sent]:
        self._later(0.2, 6)
        for _ in range(self._chance.choice((1, 1, 2, 3))):
            if self._chance.random() < 0.6:
                about = self._chance.choice((version, version, "1.0.0", "1.1.0", ""))
                status = self._chance.choice(("firing", "firing", "resolved"))
                severity = self._chance.choice(("critical", "critical", "warning"))
                yield alert(*self._named(), about, status, severity)
            else:
                yield ordered(*self._named(), version, self._chance.choice(_ORDERS))
            self._later(0.0, 3)

    def _named(self) -> tuple[float, str, str]:
        self._number += 1
        return self._at_s, f"{self._service}-{self._number}", self._service

    def _later(self, least_s: float, most_s: float) -> None:
        self._at_s += self._chance.uniform(least_s, most_s)


def _flood(service: str, chance: Random) -> Iterator[Sent]:
    """Yield alerts about one service, more than fit a batch, within a second or so."""
    at_s, name = chance.uniform(0, 20), f"{service}-flood-{chance.randrange(1_000_000)}"
    about = chance.choice(("1.0.0", "1.1.0", ""))
    for number in range(chance.choice((8, 20))):
        at_s += chance.uniform(0, 0.05)
        yield alert(at_s, f"{name}-{number}", service, about, severity=chance.choice(("critical", "warning")))


def _again(one: Sent, chance: Random) -> Sent:
    return replace(one, at_s=round(one.at_s + chance.uniform(0, 4), 3), told=f"{one.told} (again)")


def _nonsense(services: tuple[str, ...], chance: Random) -> Sent:
    topic = chance.choice((*INBOUND, Topic.TABLE))
    # In the tables only of nobody who lives here: who takes a living service's table away means it.
    key = _NOBODY if topic is Topic.TABLE else chance.choice((None, *(service.encode() for service in services)))
    value = chance.choice(_NO_TABLES if topic is Topic.TABLE else _NONSENSE)
    return Sent(round(chance.uniform(0, 20), 3), topic, key, value, (), f"nonsense {value!r}")
