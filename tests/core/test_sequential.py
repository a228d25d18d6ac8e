"""What the evidence says of a candidate: a bad one goes and its fault is named, a healthy one may go on."""

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from controller.core.gate import Outcome
from controller.core.sequential import (
    ArmCounts,
    Evidence,
    Histogram,
    Metric,
    Rules,
    Sight,
    Window,
    begin,
    block_size,
    bucket_of,
    error_odds_at,
    fold,
    judge_promotion,
    judge_rollback,
    sight,
)
from controller.wire.shape import plain, shaped

RULES = Rules()
EVERY = Rules(metrics=tuple(Metric))
WINDOW_MS = 10_000
BLOCK = 12


def arm(source: random.Random, requests: int, failing: float = 0.002, slower: float = 1.0, clump: int = 1) -> ArmCounts:
    """Draw one arm's window; failures come in clumps of neighbouring requests."""
    blocks, failures, failed_blocks = requests // BLOCK, 0, 0
    for _ in range(blocks):
        hit = sum(source.random() < failing / clump for _ in range(BLOCK))
        failures += min(BLOCK, hit * clump)
        failed_blocks += hit > 0
    values = histogram([slower * math.exp(source.gauss(-1, 0.4)) for _ in range(requests - failures)])
    return ArmCounts(requests, failures, blocks, failed_blocks, values, values, values)


def histogram(values: list[float]) -> Histogram:
    """Count values by bucket."""
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    return tuple(sorted(counts.items()))


def windows(
    count: int,
    first: int = 0,
    seed: int = 1,
    failing: float = 0.002,
    slower: float = 1.0,
    drop: float = 0.0,
    candidate_requests: int = 24,
) -> Iterator[Window]:
    """Draw windows of ten seconds of 240 requests, of which the candidate gets a tenth, and one pair of scores."""
    source = random.Random(seed)  # noqa: S311 - a stream of users, no secret
    for number in range(first, first + count):
        yield Window(
            number * WINDOW_MS,
            (number + 1) * WINDOW_MS,
            arm(source, candidate_requests, failing, slower),
            arm(source, 216),
            mos=(source.gauss(-drop, 0.33),),
            ratings=(source.gauss(-drop, 0.3),),
        )


def after(found: Evidence, more: Iterator[Window], rules: Rules = RULES) -> Evidence:
    """Fold windows on top of what is known."""
    for window in more:
        found = fold(found, window, rules)
    return found


def condemned_after(found: Evidence, more: Iterator[Window], rules: Rules = RULES) -> tuple[int, tuple[str, ...]]:
    """Return after how many windows the candidate must go, and whose fault it is."""
    for number, window in enumerate(more, start=1):
        found = fold(found, window, rules)
        verdict = judge_rollback(found, rules)
        if verdict.outcome is Outcome.FAIL:
            return number, verdict.guilty
    raise AssertionError("the candidate was never condemned")


HEALTHY = after(begin(RULES), windows(60))
"""Ten minutes in which nothing was wrong."""


def test_healthy_candidate_is_not_taken_back() -> None:
    """Ten minutes of health leave nothing to say against a candidate."""
    assert judge_rollback(HEALTHY, RULES).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("bad", "within", "guilty"),
    [
        (lambda: windows(30, 60, failing=1.0), 3, "latency"),
        (lambda: windows(30, 60, failing=0.2), 12, "errors"),
        (lambda: windows(60, 60, slower=1.5), 12, "latency"),
        (lambda: windows(400, 60, drop=0.3), 150, "mos"),
    ],
    ids=["outage", "one in five fails", "half as long again", "sounds worse"],
)
def test_bad_candidate_goes_and_its_fault_is_named(
    bad: Callable[[], Iterator[Window]], within: int, guilty: str
) -> None:
    """Each kind of fault takes a candidate back soon, under its own name."""
    looks, named = condemned_after(HEALTHY, bad())
    assert looks <= within
    assert guilty in named


def test_outage_says_how_much_failed() -> None:
    """Failed requests count as slow and so accuse latency first; the reason tells what failed."""
    verdict = judge_rollback(after(HEALTHY, windows(2, 60, failing=1.0)), RULES)
    assert verdict.outcome is Outcome.FAIL
    assert "failed in five minutes: 6." in verdict.reason


def test_worse_voice_alone_accuses_nothing_else() -> None:
    """A candidate that only sounds worse is not said to be slow or failing."""
    assert condemned_after(HEALTHY, windows(400, 60, drop=0.3))[1] == ("mos",)


def test_late_fault_is_found_about_as_fast_as_an_early_one() -> None:
    """After six healthy hours a fault takes at most three times as long as in the first minutes: bets restart."""
    rules = Rules(metrics=(Metric.ERRORS,))

    def blocks(count: int, first: int, failed: int) -> Iterator[Window]:
        for number in range(first, first + count):
            # Every fourth window one failed block at stable, and `failed` of the candidate's two.
            stable = ArmCounts(216, 1, 18, 1) if number % 4 == 0 else ArmCounts(216, 0, 18, 0)
            candidate = ArmCounts(24, failed, 2, failed) if number % 4 == 2 else ArmCounts(24, 0, 2, 0)
            yield Window(number * WINDOW_MS, (number + 1) * WINDOW_MS, candidate, stable)

    early, _ = condemned_after(begin(rules), blocks(400, 0, 2), rules)
    quiet = after(begin(rules), blocks(2160, 0, 0), rules)
    late, _ = condemned_after(quiet, blocks(400, 2160, 2), rules)
    assert late <= 3 * early


def test_healthy_candidate_proves_itself() -> None:
    """Forty healthy minutes prove every measure, errors against the strictest odds included."""
    found = after(begin(RULES), windows(400, candidate_requests=96))
    assert judge_promotion(found, RULES).outcome is Outcome.PASS


def test_where_nobody_fails_a_candidate_can_still_be_proven() -> None:
    """No failure on either arm leaves nothing to compare; that they are rare is proof enough, after a while."""
    rules = Rules(metrics=(Metric.ERRORS,))
    quiet = [Window(n * WINDOW_MS, (n + 1) * WINDOW_MS, ArmCounts(25, 0, 2), ArmCounts(475, 0, 38)) for n in range(200)]
    assert judge_promotion(after(begin(rules), iter(quiet[:60]), rules), rules).outcome is Outcome.INCONCLUSIVE
    assert judge_promotion(after(begin(rules), iter(quiet), rules), rules).outcome is Outcome.PASS


def test_few_requests_need_not_prove_the_slowest() -> None:
    """A plan may leave the far tail unproven, and then its figures do not ask for it."""
    rules = Rules(metrics=(Metric.LATENCY,), proven_to=0.9)
    figures = judge_promotion(after(begin(rules), windows(200), rules), rules).evidence
    assert [figure.name for figure in figures] == ["latency p50", "latency p90"]


def test_early_rungs_ask_for_less_proof_than_the_last() -> None:
    """Few users may meet a candidate on weak proof; everybody needs the strictest."""
    found = after(begin(RULES), windows(60))
    assert judge_promotion(found, RULES, 0, (Metric.ERRORS,)).outcome is Outcome.PASS
    assert judge_promotion(found, RULES, -1, (Metric.ERRORS,)).outcome is Outcome.INCONCLUSIVE
    assert [error_odds_at(RULES, rung, 4) for rung in range(4)] == [0, 1, 2, 3]
    assert [error_odds_at(RULES, rung, 2) for rung in range(2)] == [2, 3]
    assert [error_odds_at(RULES, rung, 6) for rung in range(6)] == [0, 0, 0, 1, 2, 3]


def test_candidate_that_turns_bad_loses_its_proof() -> None:
    """What was proven in hours is lost within minutes of being a third slower."""
    rules = Rules(metrics=(Metric.LATENCY,))
    proven = after(begin(rules), windows(200), rules)
    assert judge_promotion(proven, rules).outcome is Outcome.PASS
    assert judge_promotion(after(proven, windows(12, 200, slower=1.6), rules), rules).outcome is Outcome.INCONCLUSIVE


def test_nothing_measured_is_inconclusive() -> None:
    """Before the first window neither going back nor going on has anything to stand on."""
    for verdict in (judge_rollback(begin(RULES), RULES), judge_promotion(begin(RULES), RULES)):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "errors" in verdict.reason


def test_golden_prompts_are_judged_before_any_user() -> None:
    """With no user served, pairs of scores alone can refuse a release or let it pass."""

    def golden(drop: float) -> Evidence:
        return after(begin(RULES), (replace(one, candidate=ArmCounts()) for one in windows(600, drop=drop)))

    assert judge_rollback(golden(0.3), RULES, (Metric.MOS,)).guilty == ("mos",)
    assert judge_promotion(golden(0.0), RULES, expected=(Metric.MOS,)).outcome is Outcome.PASS
    assert judge_promotion(golden(0.0), RULES).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "hole",
    [
        lambda window: replace(window, candidate=ArmCounts()),
        lambda window: replace(window, stable=ArmCounts()),
        lambda window: replace(
            window, candidate=replace(window.candidate, blocks=0, failed_blocks=0, latency=(), ttfa=(), rtf=())
        ),
    ],
    ids=["no candidate", "no stable", "no histogram"],
)
def test_missing_data_moves_no_evidence(hole: Callable[[Window], Window]) -> None:
    """A window in which an arm is empty leaves bets and proofs of its measures as they were, however long it lasts."""
    quiet = (replace(hole(window), mos=(math.nan,), ratings=()) for window in windows(40, 60, failing=0.5, slower=2))
    found = after(HEALTHY, quiet)
    for name in (Metric.ERRORS, Metric.LATENCY, Metric.MOS):
        before = next(track for track in HEALTHY.tracks if track.metric is name)
        later = next(track for track in found.tracks if track.metric is name)
        assert later.proofs == before.proofs
        assert later.samples == before.samples
    assert judge_rollback(found, RULES).outcome is Outcome.INCONCLUSIVE


def test_histogram_that_misses_requests_is_no_data() -> None:
    """A measure that accounts for a part of the requests only is missing, not good."""
    (window,) = windows(1, 60, slower=3)
    half = tuple((bucket, count // 2) for bucket, count in window.candidate.rtf)
    found = fold(HEALTHY, replace(window, candidate=replace(window.candidate, rtf=half)), RULES)
    samples = {track.metric: track.samples for track in found.tracks}
    assert samples[Metric.RTF] == samples[Metric.LATENCY] - 24


def test_a_window_counts_once() -> None:
    """A doubled or late window, or one that ends before it begins, changes nothing."""
    *_, last = windows(60)
    assert fold(HEALTHY, last, RULES) is HEALTHY
    assert fold(HEALTHY, Window(5, 15), RULES) is HEALTHY
    assert fold(HEALTHY, Window(9_000_000, 8_000_000), RULES) is HEALTHY


def test_small_gap_takes_nothing_back() -> None:
    """A difference below a tenth of a percentage point is nobody's reason to go back, however well proven."""
    rules = Rules(metrics=(Metric.ERRORS,))
    found = begin(rules)
    for number in range(200):
        # 9 failures more among 10,000 requests, window after window: certain, and too small to matter.
        window = Window(
            number * WINDOW_MS, (number + 1) * WINDOW_MS, ArmCounts(10_000, 10, 200, 10), ArmCounts(10_000, 1, 200, 1)
        )
        found = fold(found, window, rules)
    assert judge_rollback(found, rules).outcome is Outcome.PASS
    assert judge_rollback(found, replace(rules, least_gap=0.0005)).guilty == ("errors",)


def test_feed_that_is_late_freezes_then_blinds() -> None:
    """Up to 30 s of silence are usual; then nothing goes forward, and after five minutes one step goes back."""
    assert sight(0, 30_000, traffic=True) is Sight.CLEAR
    assert sight(0, 30_001, traffic=True) is Sight.FROZEN
    assert sight(0, 300_001, traffic=True) is Sight.BLIND
    assert sight(0, 9_000_000, traffic=False) is Sight.CLEAR


def test_blocks_hold_ten_seconds_of_one_instance() -> None:
    """Blocks are as long as ten seconds of requests, between 5 and 50."""
    assert [block_size(rate) for rate in (0.1, 1.25, 3.0, 100.0)] == [5, 12, 30, 50]


def test_state_survives_json_and_stays_small() -> None:
    """All six measures over ten minutes take less than 64 KB of JSON, which gives the same evidence back."""
    found = after(begin(EVERY), windows(60), EVERY)
    text = json.dumps(plain(found), allow_nan=False)
    assert len(text) < 64_000
    assert shaped(Evidence, json.loads(text), "evidence") == found


def test_state_of_a_day_is_no_larger_than_that_of_ten_minutes() -> None:
    """However long a rollout lasts, only five minutes of counts and histograms are kept, and less than 64 KB in all."""
    drawn, found, largest = list(windows(60)), begin(EVERY), 0
    for number in range(24 * 360):
        at_ms = number * WINDOW_MS
        found = fold(found, replace(drawn[number % 60], start_ms=at_ms, end_ms=at_ms + WINDOW_MS), EVERY)
        if number % 101 == 0:
            largest = max(largest, len(json.dumps(plain(found))))
            kept = [track.reference.minutes for track in found.tracks]
            assert len(found.recent) <= 30
            assert all(len(minutes) <= 6 for minutes in kept)
            assert all(len(minute.parts) <= 6 for minutes in kept for minute in minutes)
    assert found.seen_ms == 24 * 3_600_000
    assert largest < 64_000


def test_same_windows_give_the_same_bytes() -> None:
    """Evidence depends on its windows alone, wherever the fold is interrupted and stored."""
    stored = begin(EVERY)
    for window in windows(60):
        stored = shaped(Evidence, json.loads(json.dumps(plain(fold(stored, window, EVERY)))), "evidence")
    assert plain(stored) == plain(after(begin(EVERY), windows(60), EVERY))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"alpha": 0.5}, "alpha"),
        ({"metrics": ()}, "metrics"),
        ({"error_odds": (1.0,)}, "error_odds"),
        ({"slower": 0.01}, "slower"),
        ({"promote_at": 1000.0}, "promote_at"),
        ({"score_drop": 1.0}, "score_drop"),
    ],
)
def test_impossible_rules_are_refused_by_name(wrong: dict[str, object], named: str) -> None:
    """Rules that promise nothing are refused, saying which and what is allowed."""
    with pytest.raises(ValueError, match=rf"{named}.*allowed"):
        Rules(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_counts_that_cannot_be_are_refused() -> None:
    """More failures than requests are no measurement."""
    with pytest.raises(ValueError, match="failures"):
        ArmCounts(requests=3, failures=4)
    with pytest.raises(ValueError, match="failed_blocks"):
        ArmCounts(blocks=3, failed_blocks=4)
