"""The simulation judges as the core does, and the same seed gives the same figures."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from controller.bench.page import markers
from controller.bench.statistics.goals import CASES, PLAIN, Figures, Outcome, judges
from controller.bench.statistics.judges import RULES, Evidence
from controller.bench.statistics.ladder import Walk, ratios_of_rare
from controller.bench.statistics.report import table, write_docs
from controller.bench.statistics.stream import Fault, Stream
from controller.bench.statistics.vectors import Fortunes, ratios
from controller.core.errors import Broken
from controller.core.evidence import fortune
from controller.core.evidence.engine import ERROR_ODDS, ERROR_WEIGHTS, PROVEN_ERROR_ODDS, PROVEN_TIMING_ODDS, RARE_PARTS
from controller.core.evidence.likelihood import Counts
from controller.core.evidence.likelihood import ratios as core_ratios
from controller.core.evidence.likelihood import ratios_of_rare as core_rare


@pytest.mark.parametrize(
    ("odds", "null"),
    [(ERROR_ODDS, 1.0), (PROVEN_TIMING_ODDS, 1.0), (PROVEN_ERROR_ODDS, 2.0), (PROVEN_ERROR_ODDS, 20.0)],
)
def test_vectors_are_the_core_many_times_over(odds: tuple[float, ...], null: float) -> None:
    """Ratios of a thousand random windows agree with the core's, exact sums and closed forms alike."""
    source = np.random.default_rng(3)
    n_c, n_s = source.integers(0, 120, 1000), source.integers(0, 500, 1000)
    share = source.choice([0.0, 0.01, 0.1, 0.6, 1.0], 1000)
    x_c, x_s = source.binomial(n_c, share), source.binomial(n_s, share)
    found = ratios(n_c, x_c, n_s, x_s, odds, null)
    for row in range(1000):
        one = Counts(int(n_c[row]), int(x_c[row]), int(n_s[row]), int(x_s[row]))
        assert found[row] == pytest.approx(core_ratios(one, odds, null), rel=1e-6, abs=1e-200)


def test_rare_failures_are_the_core_many_times_over() -> None:
    """The proof that failures are rare agrees with the core's, window by window."""
    drawn = next(iter(Stream(PLAIN, Fault(failures=0.3), 50, 1, (1, 4)).windows(1)))
    found = ratios_of_rare(drawn)
    for row in range(50):
        blocks, failed = int(drawn.blocks_c[row]), int(drawn.failed_c[row])
        assert found[row] == pytest.approx(core_rare(blocks, failed, RULES.rare_failures, RARE_PARTS))


def test_fortunes_are_the_core_many_times_over() -> None:
    """Two days of payments and bets leave the same money as the core's own fortune."""
    source = np.random.default_rng(5)
    many, one = Fortunes(3, ERROR_WEIGHTS), fortune.fresh(len(ERROR_WEIGHTS))
    for minute in range(0, 2 * 24 * 60, 7):
        found = source.uniform(0.5, 1.4, (3, len(ERROR_WEIGHTS)))
        values = many.bet(found, minute * 60_000)
        one = fortune.bet(one, found[1].tolist(), minute * 60_000)
        assert values[1] == pytest.approx(fortune.value(one, ERROR_WEIGHTS))


def test_an_outage_is_found_first_by_evidence() -> None:
    """All judges find an outage on the same stream; evidence within a minute, the others in whole checks."""
    stream, watching = Stream(PLAIN, Fault(failures=1.0), 20, 1, (1, 4)), judges(20)
    found = np.zeros((4, 20))
    for number, drawn in enumerate(stream.windows(200)):
        for row, judge in enumerate(watching):
            found[row] = np.where((found[row] == 0) & (judge.look(drawn, number) > 0), number + 1, found[row])
    minutes = found.max(axis=1) / 6
    assert minutes[0] <= 1
    assert minutes[1:].tolist() == [5, 20, 30]


def test_healthy_hours_take_nothing_back() -> None:
    """A hundred runs of two healthy hours end with all candidates in place."""
    stream, judge = Stream(PLAIN, Fault(), 100, 2, (1, 4)), Evidence(100, RULES)
    assert not any(judge.look(drawn, number).any() for number, drawn in enumerate(stream.windows(720)))


def test_same_seed_gives_the_same_stream() -> None:
    """What users meet depends on the seed alone."""
    first, again, other = (
        [drawn.x_s.tolist() for drawn in Stream(PLAIN, Fault(), 50, seed, (1, 4)).windows(20)] for seed in (4, 4, 5)
    )
    assert first == again != other


def made_up() -> Figures:
    """Figures in which Segue misses one goal: it takes half of the healthy runs back after an hour."""
    after_min = np.array([[60.0, np.inf]] + [[np.inf, np.inf]] * 3)
    walked = Walk(np.array([6, 12]), np.array([0, 0]), np.array([0, 1]))
    outcomes = tuple(Outcome(case, after_min if case.healthy else np.full((4, 2), 1.0)) for case in CASES)
    return Figures(
        2, 9, outcomes, walked, walked, (Walk(np.zeros(2, int), np.ones(2, int), np.ones(2, int)),) * 3, 250.0, 20.0
    )


def test_missed_goal_is_told() -> None:
    """A figure beyond its goal stands in the table as missed, and the whole is not met."""
    figures = made_up()
    assert not figures.met
    assert "| healthy, 24 h: taken back | <= 0.2 % | 50 % | 0 % | 0 % | 0 % | **no** |" in table(figures)
    assert "| error 20 %: found, p95 | <= 2 min | 60 s | 60 s | 60 s | 60 s | yes |" in table(figures)


def test_page_keeps_its_words(tmp_path: Path) -> None:
    """Figures go between the markers of a page, and what people wrote around them stays; no markers, no page."""
    with pytest.raises(Broken, match="restore the page"):
        write_docs(made_up(), tmp_path)
    (tmp_path / "statistics.md").write_text(f"before\n{markers()[0]}\nof last year\n{markers()[1]}\nafter\n")
    write_docs(made_up(), tmp_path)
    page = (tmp_path / "statistics.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "of last year" not in page
    assert "--seed 9" in page
    for name in ("detection.svg", "false-alarms.svg"):
        assert ElementTree.fromstring((tmp_path / "statistics" / name).read_text()).tag.endswith("svg")  # noqa: S314 - our own
