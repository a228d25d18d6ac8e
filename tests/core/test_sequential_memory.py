"""GPU memory: too much for too long goes back, a leak holds, and saw teeth are nobody's fault."""

from collections.abc import Callable

import pytest

from controller.core.gate import Outcome, Verdict, worst
from controller.core.sequential import Memory, MemoryRules, fold_memory, judge_memory

GIB = 2**30
RULES = MemoryRules(limit_bytes=20 * GIB)


def watched(used: Callable[[int], float], minutes: int = 60, stable: float = 10, rules: MemoryRules = RULES) -> Verdict:
    """Read a gauge every ten seconds; `used` and `stable` are GiB, by second."""
    memory = Memory()
    for second in range(0, minutes * 60, 10):
        memory = fold_memory(memory, second * 1000, round(used(second) * GIB), round(stable * GIB), rules)
    return judge_memory(memory, rules)


def test_steady_memory_passes() -> None:
    """A candidate as big as stable goes on."""
    assert watched(lambda second: 10).outcome is Outcome.PASS


def test_saw_teeth_are_no_leak() -> None:
    """Memory that grows and is collected again every seven minutes goes on."""
    assert watched(lambda second: 10 + (second % 420) / 420).outcome is Outcome.PASS


def test_a_fifth_more_than_stable_goes_back() -> None:
    """More than 20 % over stable's footprint takes the candidate back after a minute, and says memory."""
    verdict = watched(lambda second: 12.1, minutes=2)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.guilty == ("memory",)
    assert "21.0 % over stable's footprint; 20 % is allowed" in verdict.reason


def test_a_bound_that_nobody_knows_is_no_figure() -> None:
    """Without a limit, or without stable's footprint, no figure says that nothing is allowed."""
    names = [one.name for one in watched(lambda second: 10, rules=MemoryRules()).evidence]
    assert names == ["memory bytes against stable's", "memory growth, bytes a second"]
    names = [one.name for one in watched(lambda second: 10, stable=0).evidence]
    assert names == ["memory bytes", "memory growth, bytes a second"]


def test_short_peak_is_forgiven() -> None:
    """Half a minute over every limit is no reason to go back."""
    assert watched(lambda second: 25 if 600 <= second < 630 else 10).outcome is Outcome.PASS


def test_hard_limit_goes_back_without_a_stable() -> None:
    """The hard limit holds where stable's footprint is not known."""
    assert watched(lambda second: 21, minutes=2, stable=0).outcome is Outcome.FAIL


def test_slow_leak_holds() -> None:
    """A leak that reaches the limit within a day holds the rollout long before it does."""
    verdict = watched(lambda second: 10 + second / 3600 * 0.2)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "grows" in verdict.reason


def test_leak_too_slow_to_matter_passes() -> None:
    """A leak that would take a month to reach the limit goes on."""
    assert watched(lambda second: 10 + second / 3600 * 0.002).outcome is Outcome.PASS


def test_no_reading_is_inconclusive() -> None:
    """Without a reading nothing is known; a reading of zero or of the past is none."""
    assert judge_memory(Memory(), RULES).outcome is Outcome.INCONCLUSIVE
    known = fold_memory(Memory(), 1000, GIB, GIB, RULES)
    assert fold_memory(known, 1000, 9 * GIB, GIB, RULES) is known
    assert fold_memory(known, 2000, 0, GIB, RULES) is known


def test_worst_verdict_decides() -> None:
    """FAIL before ERROR before INCONCLUSIVE before PASS; no gate at all is no PASS."""
    verdicts = [Verdict(outcome, outcome.value) for outcome in Outcome]
    order = [Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS]
    for place, outcome in enumerate(order):
        assert worst(one for one in verdicts if one.outcome in order[place:]).outcome is outcome
    assert worst(()).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("wrong", [{"limit_bytes": -1}, {"growth": 0.0}, {"persist_s": -1.0}])
def test_impossible_memory_rules_are_refused(wrong: dict[str, float]) -> None:
    """Rules that could never hold are refused, saying what is allowed."""
    with pytest.raises(ValueError, match="allowed"):
        MemoryRules(**wrong)  # type: ignore[arg-type]  # wrong on purpose
