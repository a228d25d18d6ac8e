"""A seed becomes a schedule: what is said, and what goes wrong meanwhile."""

from collections.abc import Iterator
from random import Random
from typing import Final

from tests.simulation.clock import seeded
from tests.simulation.faults import STRIKES
from tests.simulation.inputs import draw_inputs
from tests.simulation.messages import WAITS_S
from tests.simulation.schedule import CONTROL, GATEWAYS, Event, Fault, Schedule, Sent

_BATCHES: Final = (3, 10, 100)
_KILLS: Final = (0, 1, 2, 3, 4, 6)
_STEPS: Final = 60
"""How many steps after an input a kill may come: that many a batch takes from the poll to the acknowledgement."""

_OUTSIDE: Final = (Fault.STOPPED, Fault.REBALANCED, Fault.KAFKA_AWAY, Fault.COMPACTED)
_HAPPEN: Final = (0, 0, 1, 1, 2, 3)
_STRIKE: Final = (0, 2, 4, 8, 16)
_OF_GATEWAYS: Final = (
    Fault.SEND_REFUSED,
    Fault.SEND_UNANSWERED,
    Fault.POLL_FAILED,
    Fault.POLL_SLOW,
    Fault.START_REFUSED,
)
_BUSY: Final = 0.7
_DUE: Final = 0.7
"""How many faults come just when something is said; how many of the others when a timer may be due."""

_AFTERWARDS_S: Final = 15.0


def draw(seed: int) -> Schedule:
    """Return the schedule of a seed; the same one everywhere."""
    chance = seeded(seed, "schedule")
    inputs = draw_inputs(chance)
    partitions = chance.choice((1, 2, 3))
    faults = [*_kills(chance, inputs), *_outside(chance, inputs), *_strikes(chance, inputs)]
    return Schedule(seed, partitions, inputs, tuple(faults), chance.choice(_BATCHES))


def _kills(chance: Random, inputs: tuple[Sent, ...]) -> Iterator[Event]:
    for _ in range(chance.choice(_KILLS)):
        process = chance.choice((*CONTROL, *CONTROL, *GATEWAYS))
        yield Event(
            Fault.KILLED,
            process,
            _moment(chance, inputs),
            chance.randrange(_STEPS),
            chance.choice((0.5, 1.0, 3.0, 8.0)),
        )


def _outside(chance: Random, inputs: tuple[Sent, ...]) -> Iterator[Event]:
    for _ in range(chance.choice(_HAPPEN)):
        fault = chance.choice(_OUTSIDE)
        process = chance.choice((*CONTROL, *GATEWAYS)) if fault is Fault.STOPPED else ""
        for_s = chance.choice((0.5, 2.0, 9.0)) if fault in (Fault.STOPPED, Fault.KAFKA_AWAY) else 0.0
        at_s = _moment(chance, inputs)
        yield Event(fault, process, at_s, 0, for_s)
        if fault is Fault.KAFKA_AWAY:
            # Much waits to be sent when it is back, and that it was sent may not be answered.
            unanswered = chance.choice((Fault.SEND_REFUSED, Fault.SEND_UNANSWERED, None))
            yield from (Event(unanswered, process, at_s) for process in CONTROL if unanswered)


def _strikes(chance: Random, inputs: tuple[Sent, ...]) -> Iterator[Event]:
    for _ in range(chance.choice(_STRIKE)):
        fault = chance.choice(list(STRIKES))
        process = chance.choice((*CONTROL, *GATEWAYS) if fault in _OF_GATEWAYS else CONTROL)
        for_s = chance.choice((0.3, 2.0, 7.0)) if fault is Fault.POLL_SLOW else 0.0
        yield Event(fault, process, _moment(chance, inputs), 0, for_s)


def _moment(chance: Random, inputs: tuple[Sent, ...]) -> float:
    if chance.random() < _BUSY:
        return chance.choice(inputs).at_s
    if chance.random() < _DUE:
        return round(chance.choice(inputs).at_s + chance.choice(WAITS_S), 3)
    return round(chance.uniform(0, inputs[-1].at_s + _AFTERWARDS_S), 3)
