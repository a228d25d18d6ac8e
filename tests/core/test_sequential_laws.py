"""Laws of the evidence: fair bets under the null, monotone, the same whichever arm is named first."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, nchypergeom_fisher

from controller.core.evidence import fortune, merge, paired
from controller.core.evidence.engine import (
    ERROR_ODDS,
    ERROR_WEIGHTS,
    PROVEN_ERROR_ODDS,
    RARE_PARTS,
    SCORE_WEIGHTS,
    TIMING_ODDS,
    TIMING_WEIGHTS,
    begin,
    fold,
)
from controller.core.evidence.likelihood import Counts, ratios, ratios_of_rare
from controller.core.evidence.promotion import judge_promotion
from controller.core.evidence.rollback import judge_rollback
from controller.core.evidence.rules import Metric, Rules
from controller.core.evidence.window import ArmCounts, Window

DAY_MS = 86_400_000
METRIC_SETS = st.lists(st.sampled_from(Metric), min_size=1, unique=True).map(tuple)
E_VALUES = st.floats(0, 1e6)


@st.composite
def counts(draw: st.DrawFn, most: int = 60) -> Counts:
    """Any counts of two arms."""
    n_c, n_s = draw(st.integers(0, most)), draw(st.integers(0, most))
    return Counts(n_c, draw(st.integers(0, n_c)), n_s, draw(st.integers(0, n_s)))


@given(counts(25), st.sampled_from([1.0, 2.0, 20.0]), st.sampled_from([0.5, 1.0, 1.5, 10.0, 1000.0]))
def test_ratio_is_fishers(found: Counts, null: float, psi: float) -> None:
    """The exact ratio is that of Fisher's noncentral hypergeometric distribution, as scipy computes it."""
    total, events = found.n_c + found.n_s, found.x_c + found.x_s
    if min(found.n_c, found.n_s) == 0 or min(events, found.n_c) - max(0, events - found.n_s) > 16:
        return
    pmf = [nchypergeom_fisher(total, events, found.n_c, odds).pmf(found.x_c) for odds in (psi, null)]
    if min(pmf) > 1e-12:
        assert ratios(found, (psi,), null)[0] == pytest.approx(pmf[0] / pmf[1], rel=1e-6)


@pytest.mark.parametrize("odds", [*ERROR_ODDS, *TIMING_ODDS])
@pytest.mark.parametrize(
    ("n_c", "n_s", "events"), [(2, 39, 3), (25, 475, 5), (25, 475, 50), (25, 475, 250), (90, 90, 90)]
)
def test_bets_are_fair_under_the_null(odds: float, n_c: int, n_s: int, events: int) -> None:
    """Given the events of both arms, the mean ratio is at most 1 when both have the same odds."""
    spread = nchypergeom_fisher(n_c + n_s, events, n_c, 1.0)
    mean = sum(
        spread.pmf(x) * ratios(Counts(n_c, x, n_s, events - x), (odds,))[0]
        for x in range(max(0, events - n_s), min(n_c, events) + 1)
    )
    assert mean <= 1 + 1e-9
    if events <= 5:
        assert mean == pytest.approx(1)


@pytest.mark.parametrize("truth", [2.0, 3.0, 10.0])
@pytest.mark.parametrize("psi", PROVEN_ERROR_ODDS)
def test_proofs_are_fair_for_all_that_is_worse_than_allowed(psi: float, truth: float) -> None:
    """The mean ratio against odds of 2 is at most 1 for every candidate whose odds are 2 or more."""
    spread = nchypergeom_fisher(45, 6, 20, truth)
    mean = sum(spread.pmf(x) * ratios(Counts(20, x, 25, 6 - x), (psi,), 2.0)[0] for x in range(7))
    assert mean <= 1 + 1e-9


@pytest.mark.parametrize("truth", [0.02, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("blocks", [1, 7, 60])
def test_failures_that_are_not_rare_never_pass_for_rare(truth: float, blocks: int) -> None:
    """The mean ratio is at most 1 for every candidate that fails as often as the least share that is not rare."""
    spread = binom(blocks, truth)
    for part in range(len(RARE_PARTS)):
        ratio = [ratios_of_rare(blocks, failed, 0.02, RARE_PARTS)[part] for failed in range(blocks + 1)]
        assert float(spread.pmf(range(blocks + 1)) @ ratio) <= 1 + 1e-9


@given(counts())
def test_more_failures_never_speak_for_the_candidate(found: Counts) -> None:
    """Of the same events, one more on the candidate's side raises each ratio for odds above 1."""
    if found.x_c == found.n_c or found.x_s == 0:
        return
    worse = Counts(found.n_c, found.x_c + 1, found.n_s, found.x_s - 1)
    assert all(more >= less for more, less in zip(ratios(worse, ERROR_ODDS), ratios(found, ERROR_ODDS), strict=True))
    assert ratios(worse, (0.5,))[0] <= ratios(found, (0.5,))[0]


@given(counts(), st.sampled_from(TIMING_ODDS))
def test_arms_may_be_named_in_either_order(found: Counts, psi: float) -> None:
    """Calling the candidate stable and the odds their inverse says the same thing, up to rounding."""
    turned = Counts(found.n_s, found.x_s, found.n_c, found.x_c)
    events, total = found.x_c + found.x_s, found.n_c + found.n_s
    exact = min(events, found.n_c, found.n_s, total - events) <= 16
    if exact:
        assert ratios(turned, (1 / psi,))[0] == pytest.approx(ratios(found, (psi,))[0], rel=1e-9)


@given(st.integers(0, 40), st.integers(0, 40))
def test_empty_arm_or_no_event_says_nothing(n: int, x: int) -> None:
    """Without an arm to compare with, or without an event, every ratio is 1."""
    for found in (Counts(n, min(n, x), 0, 0), Counts(0, 0, n, min(n, x)), Counts(n, 0, x, 0)):
        assert set(ratios(found, ERROR_ODDS)) == {1.0}


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_scores_that_are_no_numbers_are_left_out(scores: list[float]) -> None:
    """NaN and infinity are no scores; what is left lies within one point, and no bet is ever wholly lost."""
    kept = paired.usable(scores)
    assert len(kept) == sum(math.isfinite(one) for one in scores)
    assert all(ratio > 0 for ratio in (*paired.ratios_worse(kept), *paired.ratios_proven(kept, 0.1)))


@pytest.mark.parametrize("spread", [0.0, 0.3, 0.9])
def test_paired_bets_are_fair_at_the_margin(spread: float) -> None:
    """A candidate exactly as much worse as tolerated makes nobody rich, whatever the spread of its scores."""
    for sign in (-1, 1):
        worse = [paired.ratios_worse((-paired.TOLERATED_DROP + side * spread,)) for side in (sign, -sign)]
        proven = [paired.ratios_proven((-0.1 + side * spread,), 0.1) for side in (sign, -sign)]
        for found in (worse, proven):
            assert np.mean(found, axis=0) == pytest.approx(np.ones(len(paired.BETS)))


def test_fortune_of_a_day_is_fair() -> None:
    """Over 4000 simulated days of fair bets the mean e-value is 1, and at most a twentieth ever reach 20."""
    source, runs, reached = np.random.default_rng(7), 4000, 0
    values = np.empty(runs)
    for run in range(runs):
        money, highest = fortune.fresh(2), 0.0
        for hour, up in enumerate(source.random(24) < 0.5):
            money = fortune.bet(money, (1.2, 1.5) if up else (0.8, 0.5), hour * 3_600_000)
            highest = max(highest, fortune.value(money, (0.5, 0.5)))
        values[run] = fortune.value(money, (0.5, 0.5))
        reached += highest >= 20
    assert np.mean(values) == pytest.approx(1, abs=float(4 * np.std(values) / math.sqrt(runs)))
    assert reached / runs <= 1 / 20


def test_evidence_under_the_null_reaches_its_threshold_as_rarely_as_promised() -> None:
    """In 3000 hours of two equal arms the mean of E is at most 1, and 20 is reached in at most a twentieth."""
    source, runs, looks = np.random.default_rng(11), 3000, 60
    failed_c, failed_s = source.binomial(10, 0.05, (runs, looks)), source.binomial(40, 0.05, (runs, looks))
    last, reached = np.empty(runs), 0
    for run in range(runs):
        money, highest = fortune.fresh(len(ERROR_ODDS)), 0.0
        for look in range(looks):
            found = ratios(Counts(10, int(failed_c[run, look]), 40, int(failed_s[run, look])), ERROR_ODDS)
            money = fortune.bet(money, found, look * 60_000)
            last[run] = fortune.value(money, ERROR_WEIGHTS)
            highest = max(highest, last[run])
        reached += highest >= 20
    assert np.mean(last) <= 1 + 4 * np.std(last) / math.sqrt(runs)
    assert 0 < reached / runs <= 1 / 20


@given(st.lists(st.integers(0, 3 * DAY_MS), min_size=1, max_size=20).map(sorted))
def test_bets_that_say_nothing_keep_the_money(times: list[int]) -> None:
    """Ratios of 1 leave the e-value at one unit a day at most, whenever one looks."""
    money = fortune.fresh(2)
    for at_ms in times:
        money = fortune.bet(money, (1.0, 1.0), at_ms)
        assert fortune.value(money, (0.25, 0.75)) <= 1 + at_ms // DAY_MS + 1e-9
    assert fortune.value(money, (0.25, 0.75)) >= 1 - 1e-9


def test_weights_are_shares() -> None:
    """Every prior sums to 1, so that no e-value starts above 1."""
    for weights in (ERROR_WEIGHTS, TIMING_WEIGHTS, SCORE_WEIGHTS):
        assert sum(weights) == pytest.approx(1)
    assert len(TIMING_WEIGHTS) == 4 * len(TIMING_ODDS)


@given(METRIC_SETS)
def test_shares_of_any_measures_sum_to_one(metrics: tuple[Metric, ...]) -> None:
    """Whichever measures a plan names, their shares are positive and sum to 1."""
    shares = Rules(metrics=metrics).shares
    assert tuple(metric for metric, _ in shares) == metrics
    assert sum(share for _, share in shares) == pytest.approx(1)
    assert all(share > 0 for _, share in shares)


@given(st.lists(st.tuples(E_VALUES, st.floats(0.05, 1)), min_size=1, max_size=6))
def test_closed_testing_asks_every_group(measures: list[tuple[float, float]]) -> None:
    """One walk per measure finds what asking all groups of measures finds."""
    values, shares = [value for value, _ in measures], [share for _, share in measures]
    places = range(len(values))
    groups = [group for size in range(1, len(values) + 1) for group in itertools.combinations(places, size)]
    means = {g: sum(shares[i] * values[i] for i in g) / sum(shares[i] for i in g) for g in groups}
    if any(abs(mean - 1000) < 1e-6 for mean in means.values()):
        return
    expected = tuple(place for place in places if all(mean >= 1000 for g, mean in means.items() if place in g))
    assert merge.guilty(values, shares, 1000) == expected


@given(st.lists(E_VALUES, min_size=1, max_size=6), st.integers(0, 5), st.floats(1, 100))
def test_merging_is_monotone(values: list[float], place: int, more: float) -> None:
    """Stronger evidence in one measure never weakens the merged evidence, nor clears that measure."""
    shares, place = [1 / len(values)] * len(values), place % len(values)
    raised = [value * more if at == place else value for at, value in enumerate(values)]
    assert merge.merged(raised, shares) >= merge.merged(values, shares)
    if place in merge.guilty(values, shares, 1000):
        assert place in merge.guilty(raised, shares, 1000)


MANY = st.integers(0, 2**53 - 1)


@st.composite
def crowds(draw: st.DrawFn) -> ArmCounts:
    """One arm's counts, as many as a message may say."""
    requests, blocks = draw(MANY), draw(MANY)
    buckets = draw(st.dictionaries(st.integers(-1000, 2**31), st.integers(1, 2**53 - 1), max_size=4))
    times = tuple(sorted(buckets.items()))
    failures, failed_blocks = draw(st.integers(0, requests)), draw(st.integers(0, blocks))
    return ArmCounts(requests, failures, blocks, failed_blocks, times, times, times)


@given(
    st.lists(st.tuples(crowds(), crowds()), min_size=1, max_size=4),
    st.sampled_from([Rules(), Rules(rare_failures=0.5, error_odds=(100.0, 1.01))]),
)
def test_no_counts_are_too_many(windows: list[tuple[ArmCounts, ArmCounts]], rules: Rules) -> None:
    """Whatever a message may say can be folded and judged, and every figure stays a finite number."""
    evidence = begin(rules)
    for number, (ours, theirs) in enumerate(windows):
        evidence = fold(evidence, Window(number * 60_000, number * 60_000 + 60_000, ours, theirs, (1.0,) * 9), rules)
    for verdict in (judge_rollback(evidence, rules), judge_promotion(evidence, rules)):
        assert all(math.isfinite(figure.value) for figure in verdict.evidence)
