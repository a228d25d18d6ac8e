"""A candidate that is sent copies of stable's requests before anybody hears it."""

import time

from controller.core.names import FULL_BP
from tests.journey.clock import elapse
from tests.journey.world import Tale

SHORT, LONG = "so long", "so long " * 10
USERS = [f"user-{number}" for number in range(4)]


def test_mirror_never_answers_the_user(tale: Tale) -> None:
    """Given a candidate that is sent copies of all requests and fails half of them, users hear stable as without it."""
    told = tale.install(tale.world.release("1.4.0"))
    candidate = tale.world.release("1.5.0", frequency_hz="660", max_characters="60")
    unheard = {"weight_bp": 0, "hold_s": 3600}
    tale.request(candidate, steps=[unheard, {**unheard, "mirror_bp": FULL_BP}, unheard])
    told += [f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0", "ReleaseReady 1.5.0", *step(0)]
    tale.told(*told)
    tale.applied(2)
    unmirrored = heard(tale)
    elapse(tale)
    tale.told(*told, *step(1))
    tale.applied(3)
    assert heard(tale) == unmirrored
    wait_for_copies(tale, ok=len(USERS), failed=len(USERS))
    # A tester who asks for the candidate is its listener, and nobody's copy.
    forced = tale.say(SHORT, cookie="gray_test=true")
    assert forced.headers["x-segue-release"] == "1.5.0"
    assert forced.content != unmirrored[USERS[0], SHORT][1]
    elapse(tale)
    tale.told(*told, *step(1), *step(2))
    tale.applied(4)
    assert heard(tale) == unmirrored
    wait_for_copies(tale, ok=len(USERS), failed=len(USERS))


def step(number: int) -> list[str]:
    """The facts of entering a step in which the candidate has no listeners."""
    return [f"StepStarted {number} 0", f"RouteSet {number + 2} stable=1.4.0:10000 candidate=1.5.0:0"]


def heard(tale: Tale) -> dict[tuple[str, str], tuple[str, bytes]]:
    """Let every user say a short and a long text; return which release answered, with what."""
    answers = {(user, text): tale.say(text, user=user) for user in USERS for text in (SHORT, LONG)}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert {answer.headers["x-segue-release"] for answer in answers.values()} == {"1.4.0"}
    assert not [answer for answer in answers.values() if "x-segue-failed-over-from" in answer.headers]
    return {asked: (answer.headers["x-segue-arm"], answer.content) for asked, answer in answers.items()}


def wait_for_copies(tale: Tale, *, ok: int, failed: int) -> None:
    """Wait until the gateway has counted so many copies that ended; none may be counted beyond them."""
    expected = {"ok": ok, "failed": failed}
    found: dict[str, int] = {}
    deadline = time.monotonic() + 10
    while found != expected:
        assert time.monotonic() < deadline, f"expected the copies {expected}; counted: {found}"
        time.sleep(0.05)
        lines = tale.world.http.get(f"{tale.world.tree.gateway_url}/metrics").text.splitlines()
        copies = [
            line
            for line in lines
            if line.startswith("segue_root_requests_total") and tale.service in line and 'arm="mirror"' in line
        ]
        found = {
            outcome: sum(int(float(line.split()[-1])) for line in copies if f'outcome="{outcome}"' in line)
            for outcome in expected
        }
