"""A process killed before each of its steps in turn, while an alert takes a release back: one of everything there."""

from itertools import count
from typing import Final

import pytest

from tests.simulation.rollback import ALERT_AT_S, EPOCHS, ROLLBACK, killed
from tests.simulation.world import simulate

DONE_WITHIN_S: Final = 0.15
"""By then the alert is decided and acknowledged, the facts are published, and the gateway has told of the table."""


def test_undisturbed_rollback() -> None:
    """Without a fault the alert leads to the third table, in use."""
    world = simulate(ROLLBACK)
    assert (world.watch.found, world.watch.epochs) == ([], EPOCHS)


@pytest.mark.parametrize("process", ["control-a", "gateway-a"])
def test_killed_before_any_step_of_a_rollback(process: str) -> None:
    """Wherever a process is killed between the alert and the table in use, it ends as an undisturbed rollback does."""
    for step in count():
        world = simulate(killed(process, ALERT_AT_S, step))
        assert world.watch.found == [], f"{process} was killed before step {step} after the alert"
        assert world.watch.epochs == EPOCHS
        if not world.struck or world.struck[0].at_s > ALERT_AT_S + DONE_WITHIN_S:
            break
    assert step > 5
