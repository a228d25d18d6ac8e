"""The benches of the gateway in short: they find what they look for, whatever it takes on this machine today."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.parts.kafka import Kafka
from controller.parts.triton import Triton
from tests.bench.speech import added, changes, faults
from tests.bench.speech.stand import Stand, on_uvloop, stand_on
from tests.chaos.real.toxiproxy import Toxiproxy


@pytest.fixture(scope="module")
def standing(triton: Triton, kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A gateway as a process."""
    with stand_on(tmp_path_factory.mktemp("gateway"), kafka.bootstrap, triton, **faults.SETTINGS) as standing:
        yield standing


def test_every_way_to_the_audio_is_timed(standing: Stand, tmp_path: Path) -> None:
    """What the gateway adds is measured beside a bare proxy and a naive gateway, all of which answer everything."""
    with added.ways(standing, tmp_path) as ways:
        figures = on_uvloop(added.measured(standing, ways, rounds=1, block=2))
    assert [figure.goal for figure in figures] == ["<= 0.35 ms", "<= 0.2 ms", "<= 0.3 ms", ">= 2,500 /s", "", ""]
    assert all("bare proxy" in figure.told and "FastAPI" in figure.told for figure in figures[:4])


def test_weights_change_under_load(standing: Stand) -> None:
    """Nobody fails, nobody moves wrongly, and every share is what the weight says, while weights change."""
    figures = on_uvloop(changes.measured(standing, 20, at_each=10))
    assert len(figures) == 5
    assert all(figure.met for figure in figures), figures


def test_user_whom_no_place_explains_is_found() -> None:
    """Who heard stable at a weight at which, or above which, they were the candidate's was moved wrongly."""
    told = changes.Told(10, stable_at={"ann": 400, "ben": 500}, candidate_at={"ann": 500, "ben": 500})
    assert told.moved_wrongly == ["ben"]


def test_share_that_no_chance_explains_is_found() -> None:
    """Of forty at a weight of half, ten may hear the candidate by chance, and none may not."""
    told = changes.Told(10, once={1: [40, 10], 2: [40, 0]})
    assert told.outside({1: 5_000, 2: 5_000}) == [2]


def test_candidate_breaks_under_load(standing: Stand, tmp_path: Path) -> None:
    """A candidate that is gone, or answers what is no HTTP, fails none of its users' requests."""
    with Toxiproxy(tmp_path).start() as proxy:
        figures = on_uvloop(faults.measured(standing, proxy, ("dead", "garbage"), times=1, each_s=0.4, rate_per_s=60))
    assert [(figure.part, figure.value) for figure in figures if figure.name == "requests failed"] == [
        ("candidate dead", 0),
        ("candidate garbage", 0),
    ]
