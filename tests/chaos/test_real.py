"""The long run of `make chaos` in short: real faults under load, and a record that proves that nothing was lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.real.faults import CATALOGUE
from tests.chaos.real.run import Run, busy, running

SHORT = ("decider killed after-commit", "Kafka killed")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A small stack: two deciders and two gateways, one of all else."""
    with running(tmp_path, "postgresql", each=1, services=3, rate_per_s=4) as run:
        yield run


def test_nothing_is_lost_to_real_faults(run: Run) -> None:
    """A decider and the broker are killed amid rollouts; every input is decided all the same, and every user heard."""
    with busy(run):
        happened = [run.befall(fault) for fault in CATALOGUE if fault.name in SHORT]
    proof = run.prove()
    assert [one.fault.name for one in happened if one.recovery_s is None] == []
    assert len(happened) == len(SHORT)
    assert (proof.lost, proof.wrong) == ((), ())
    assert min(proof.inputs, proof.facts, proof.letters, proof.utterances, proof.applied) > 0
