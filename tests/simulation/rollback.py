"""One rollback, to be disturbed at each of its steps in turn: an alert takes the candidate back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tests.simulation.messages import PLANS, alert, ready, requested
from tests.simulation.schedule import Event, Fault, Schedule
from tests.simulation.world import simulate

ALERT_AT_S: Final = 4.0

# Its hold is longer than a session, for which the partitions of a killed process are nobody's.
_LONG: Final = {**PLANS[0], "steps": [{"weight_bp": 500, "hold_s": 60}]}
_AWAY_S: Final = 1.0

ROLLBACK: Final = Schedule(
    seed=7,
    partitions=1,
    inputs=(
        requested(0.5, "first", "hibari", "1.0.0"),
        ready(1.0, "first-ready", "hibari", "1.0.0"),
        requested(2.0, "second", "hibari", "1.1.0", _LONG),
        ready(3.0, "second-ready", "hibari", "1.1.0"),
        alert(ALERT_AT_S, "alert", "hibari", "1.1.0"),
    ),
    control=("control-a",),
    gateways=("gateway-a",),
)
EPOCHS: Final = {"hibari": 3}
"""Which table there is in the end: the first release's, the candidate's first step, and that of the way back."""


def killed(process: str, at_s: float, steps: int) -> Schedule:
    """Return the rollback with a process killed so many steps after a moment."""
    return replace(ROLLBACK, faults=(Event(Fault.KILLED, process, at_s, steps, _AWAY_S),))


def killed_everywhere() -> Sequence[Schedule]:
    """Return the rollback with each process killed before each step of its undisturbed run, its beginning included."""
    undisturbed = simulate(ROLLBACK)
    return [
        killed(process.name, 0.0, step) for process in undisturbed.processes.values() for step in range(process.steps)
    ]
