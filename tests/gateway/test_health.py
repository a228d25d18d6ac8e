"""When an endpoint is left alone for a release, and for how long."""

from controller.gateway.health import EjectRules, Health

RULES = EjectRules(after=3, first_s=1.0, most_s=10.0)


def fail(health: Health, times: int, now_s: float = 100.0) -> list[bool]:
    return [health.failed(now_s) for _ in range(times)]


def test_failures_in_a_row_eject_once() -> None:
    """The third failure in a row ejects, and those that were on their way then do not eject again."""
    health = Health(RULES)
    assert fail(health, 5) == [False, False, True, False, False]
    assert health.ejected


def test_a_good_answer_between_failures_keeps_it() -> None:
    """Failures that are not in a row never add up, however many they are."""
    health = Health(RULES)
    for _ in range(50):
        fail(health, 2)
        health.answered()
    assert not health.ejected


def test_only_a_probe_readmits() -> None:
    """An answer to what was asked before the ejection brings nothing back."""
    health = Health(RULES)
    fail(health, 3)
    health.answered()
    assert (health.ejected, health.failures, health.speaks) == (True, 3, True)
    health.readmitted(101.0)
    assert not health.ejected
    assert fail(health, 2) == [False, False]


def test_probes_grow_rarer() -> None:
    """The wait doubles with each probe, up to a limit."""
    health = Health(RULES)
    fail(health, 3)
    assert [health.wait_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_whoever_fails_right_after_coming_back_waits_longer_still() -> None:
    """Back-off goes on growing over ejections that follow each other closely, and begins anew after a good while."""
    health = Health(RULES)
    fail(health, 3)
    assert [health.wait_s(), health.wait_s()] == [1, 2]
    health.readmitted(103.0)
    fail(health, 3, now_s=105.0)
    assert health.wait_s() == 4
    health.readmitted(109.0)
    fail(health, 3, now_s=120.0)
    assert health.wait_s() == 1


def test_it_speaks_while_its_latest_answer_was_good() -> None:
    """What was never heard does not speak, nor does what failed last."""
    health = Health(RULES)
    assert not health.speaks
    health.answered()
    assert health.speaks
    health.failed(100.0)
    assert not health.speaks
