"""What is written for speed says, to the last bit, what its plain definition says: stored evidence is folded on."""

import math

from hypothesis import given
from hypothesis import strategies as st

from controller.core.evidence import fortune, paired
from controller.core.evidence.engine import ERROR_ODDS, PROVEN_ERROR_ODDS, PROVEN_TIMING_ODDS, TIMING_ODDS
from controller.core.evidence.fortune import CEILING, PROVEN, Fortune
from controller.core.evidence.likelihood import Counts, ratios_against, ratios_of_events
from controller.core.evidence.timing import Reference, Timed, exceedances

COUNT = st.integers(0, 400)
MONEY = st.floats(0, 1e12)
RATIO = st.floats(1e-6, 1e6)
HISTOGRAMS = st.dictionaries(st.integers(-30, 10), st.integers(1, 50), max_size=30).map(
    lambda counts: tuple(sorted(counts.items()))
)


@st.composite
def events(draw: st.DrawFn) -> tuple[int, int, list[tuple[int, int]]]:
    """Observations of both arms, and several kinds of events among them."""
    n_c, n_s = draw(COUNT), draw(COUNT)
    kinds = st.tuples(st.integers(0, n_c), st.integers(0, n_s))
    return n_c, n_s, draw(st.lists(kinds, min_size=1, max_size=4))


def exact(counts: Counts, psi: float, null: float) -> float:
    """Sum over all shares of the events, from both ends towards the one that was seen."""
    n_c, x_c, n_s, x_s = counts
    total = x_c + x_s
    least, most = max(0, total - n_s), min(total, n_c)
    mode = min(most, max(least, (n_c + 1) * (total + 1) // (n_c + n_s + 2)))
    ways = {mode: 1.0}
    for i in range(mode, least, -1):
        ways[i - 1] = ways[i] * (i * (n_s - total + i) / ((total - i + 1) * (n_c - i + 1)))
    for i in range(mode + 1, most + 1):
        ways[i] = ways[i - 1] * ((total - i + 1) * (n_c - i + 1) / (i * (n_s - total + i)))

    def tilted(odds: float) -> float:
        above = below = 0.0
        for i in range(most, x_c - 1, -1):
            above = above * odds + ways[i]
        for i in range(least, x_c):
            below = (below + ways[i]) / odds
        return above + below

    return tilted(null) / tilted(psi)


def against_one(counts: Counts, psi: float, odds: tuple[float, ...]) -> float:
    """Take the exact sum where it is short enough, else the closed form."""
    n_c, x_c, n_s, x_s = counts
    total = x_c + x_s
    terms = min(total, n_c) - max(0, total - n_s)
    if terms == 0:
        return 1.0
    if terms <= (64 if odds[0] > 1 and total > (n_c + n_s) / 8 else 16):
        return exact(counts, psi, 1.0)
    log = x_c * math.log(psi) - total * math.log1p(n_c / (n_c + n_s) * (psi - 1))
    return math.exp(max(-700.0, min(700.0, log)))


@given(events(), st.sampled_from([ERROR_ODDS, TIMING_ODDS, PROVEN_TIMING_ODDS]))
def test_kinds_of_events_weighed_together_weigh_as_each_alone(
    found: tuple[int, int, list[tuple[int, int]]], odds: tuple[float, ...]
) -> None:
    """Quantiles that share their observations get the ratios that each would get by itself."""
    n_c, n_s, kinds = found
    plain = [tuple(against_one(Counts(n_c, x_c, n_s, x_s), psi, odds) for psi in odds) for x_c, x_s in kinds]
    assert ratios_of_events(n_c, n_s, kinds, odds) == plain


@given(events())
def test_margins_weighed_together_weigh_as_each_alone(found: tuple[int, int, list[tuple[int, int]]]) -> None:
    """Ladder steps that share their failed blocks get the ratios that each would get by itself."""
    n_c, n_s, ((x_c, x_s), *_) = found
    counts, total = Counts(n_c, x_c, n_s, x_s), x_c + x_s
    silent = not 0 < min(total, n_c) - max(0, total - n_s) <= 256
    plain = [
        tuple(1.0 if silent else exact(counts, psi, null) for psi in PROVEN_ERROR_ODDS) for null in (20.0, 5.0, 2.0)
    ]
    assert ratios_against(counts, PROVEN_ERROR_ODDS, (20.0, 5.0, 2.0)) == plain


@given(HISTOGRAMS, HISTOGRAMS, st.lists(st.integers(-30, 10), min_size=4, max_size=4).map(sorted), COUNT, COUNT)
def test_slow_is_above_the_threshold_or_failed(
    ours: tuple[tuple[int, int], ...], theirs: tuple[tuple[int, int], ...], limits: list[int], lost_c: int, lost_s: int
) -> None:
    """Every request above a threshold is counted, and every failed one; the candidate's thresholds are shifted."""
    n_c, n_s = lost_c + sum(count for _, count in ours), lost_s + sum(count for _, count in theirs)
    found = exceedances(Reference((), tuple(limits)), Timed(n_c, lost_c, ours), Timed(n_s, lost_s, theirs), (1, 4))
    if not n_c or not n_s:
        assert found is None
        return

    def above(values: tuple[tuple[int, int], ...], limit: int) -> int:
        return sum(count for bucket, count in values if bucket > limit)

    assert found is not None
    assert (found.n_c, found.n_s) == (n_c, n_s)
    assert found.rows == [
        [(lost_c + above(ours, limit + shift), lost_s + above(theirs, limit)) for limit in limits] for shift in (1, 4)
    ]


@given(st.lists(st.tuples(MONEY, RATIO), min_size=1, max_size=24), st.booleans())
def test_money_is_multiplied_up_to_its_ceiling(bets: list[tuple[float, float]], due: bool) -> None:
    """Each alternative's money, and what falls due, is multiplied by its ratio; what exceeds the most is given away."""
    wealth, found = tuple(money for money, _ in bets), tuple(ratio for _, ratio in bets)
    stake = fortune.LATER_SHARE if due else 0.0
    after = fortune.bet(Fortune(wealth, 0.5, 1), found, fortune.SLOT_MS if due else 0)
    assert after.wealth == tuple(min(CEILING, (money + stake) * ratio) for money, ratio in bets)
    assert (after.cash, after.slots) == (0.5 - stake, 1 + due)
    assert fortune.prove((wealth,), (found,)) == (tuple(min(PROVEN, money * ratio) for money, ratio in bets),)


@given(st.lists(st.floats(-1, 1), max_size=5), st.floats(0.01, 0.9))
def test_pairs_are_multiplied_one_by_one(scores: list[float], drop: float) -> None:
    """Every pair of scores multiplies each bet by what it won."""
    for found, sign, most in (
        (paired.ratios_worse(scores, drop), -1, 1 + drop),
        (paired.ratios_proven(scores, drop), 1, 1 - drop),
    ):
        for ratio, bet in zip(found, paired.BETS, strict=True):
            product = 1.0
            for score in scores:
                product *= 1 + bet / most * (-score - drop if sign < 0 else score + drop)
            assert ratio == product
