"""Who meets the candidate: the same people again, more of them as it grows, and nobody once it is taken back."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from controller.core.names import FULL_BP
from tests.journey.clock import elapse
from tests.journey.world import Tale

USERS = [f"user-{number}" for number in range(60)]


def rolling(tale: Tale, *weights_bp: int) -> list[str]:
    """1.5.0 stands on the first step of these weights, an hour each."""
    told = tale.install(tale.world.release("1.4.0"))
    steps = [{"weight_bp": weight_bp, "hold_s": 3600} for weight_bp in weights_bp]
    tale.request(tale.world.release("1.5.0", frequency_hz="660"), steps=steps)
    told += [f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0", "ReleaseReady 1.5.0", *step(0, weights_bp[0])]
    tale.told(*told)
    tale.applied(2)
    return told


def step(number: int, weight_bp: int) -> list[str]:
    """The facts of entering a step."""
    shares = f"stable=1.4.0:{FULL_BP - weight_bp} candidate=1.5.0:{weight_bp}"
    return [f"StepStarted {number} {weight_bp}", f"RouteSet {number + 2} {shares}"]


def listeners(tale: Tale, users: Iterable[str] = USERS) -> set[str]:
    """Let everybody speak; return whom the candidate served."""
    return {user for user, version in tale.served_by(users).items() if version == "1.5.0"}


def test_sticky_user_keeps_version_while_weight_grows(tale: Tale) -> None:
    """Given a weight that grows from 10 % to all of it, whoever has the candidate keeps it, and others join."""
    told = rolling(tale, 1000, 4000, 7500)
    first = tale.world.reader.tables[tale.service]
    having = listeners(tale)
    assert having == {user for user in USERS if first.bucket(user) < 1000}
    assert listeners(tale) == having
    for number, weight_bp in enumerate((4000, 7500), start=1):
        elapse(tale)
        told += step(number, weight_bp)
        tale.told(*told)
        tale.applied(number + 2)
        more = listeners(tale)
        assert having < more
        assert more == {user for user in USERS if first.bucket(user) < weight_bp}
        having = more
    elapse(tale)
    tale.told(*told, "RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 5 stable=1.5.0:10000 previous=1.4.0:0")
    tale.applied(5)
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]
    assert listeners(tale) == set(USERS)


def test_sticky_user_returns_on_rollback(tale: Tale) -> None:
    """Given users who have the candidate, a rollback gives each of them stable again; stable's users notice nothing."""
    told = rolling(tale, 5000)
    having = listeners(tale)
    assert set() < having < set(USERS)
    tale.order("rollback")
    tale.told(
        *told,
        "RolloutAborted order 1.5.0 back to 1.4.0",
        "RouteSet 3 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    )
    tale.applied(3)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert set(tale.served_by(USERS).values()) == {"1.4.0"}
    assert tale.served_by(sorted(having)[:3], cookie="gray_test=true") == dict.fromkeys(sorted(having)[:3], "1.4.0")


def test_cookie_forces_stable(tale: Tale) -> None:
    """Given users who have the candidate, the cookie gray_test=false gives them stable, for as long as they send it."""
    told = rolling(tale, 9000)
    having = sorted(listeners(tale))
    assert len(having) > len(USERS) / 2
    assert set(tale.served_by(having, cookie="gray_test=false").values()) == {"1.4.0"}
    forced = tale.say(user=having[0], cookie="gray_test=false")
    assert (forced.headers["x-segue-arm"], forced.headers["x-segue-why"]) == ("stable", "forced")
    assert set(tale.served_by(having).values()) == {"1.5.0"}
    tale.told(*told)
    assert tale.table() == ["stable=1.4.0:1000", "candidate=1.5.0:9000"]


def test_weights_are_exact_within_binomial_error(tale: Tale) -> None:
    """Given 20 % for the candidate, of 1500 users as many meet it as 1500 fair draws would give, within 4 sigma."""
    told = rolling(tale, 2000)
    users, share = [f"listener-{number}" for number in range(1500)], 0.2
    sigma = (len(users) * share * (1 - share)) ** 0.5
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda user: tale.say("hi", user=user), users))
    assert {answer.status_code for answer in answers} == {200}
    met = sum(answer.headers["x-segue-release"] == "1.5.0" for answer in answers)
    assert abs(met - share * len(users)) < 4 * sigma
    tale.told(*told)
    assert tale.table() == ["stable=1.4.0:8000", "candidate=1.5.0:2000"]
