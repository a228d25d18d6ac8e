"""A candidate that is sent copies of stable's requests before anybody hears it."""

import time
from dataclasses import replace

from controller.core.names import FULL_BP
from controller.wire.codec import table_json
from controller.wire.topics import Topic
from tests.journey.world import Tale

SHORT, LONG = "so long", "so long " * 10
USERS = [f"user-{number}" for number in range(4)]


def test_mirror_never_answers_the_user(tale: Tale) -> None:
    """Given a candidate that is sent copies of all requests and fails half of them, users hear stable as without it."""
    tale.install(tale.world.release("1.4.0"))
    candidate = tale.world.release("1.5.0", frequency_hz="660", max_characters="60")
    tale.request(candidate, steps=[{"weight_bp": 0, "hold_s": 3600}])
    tale.applied(2)
    told = tale.sentences()
    unmirrored = heard(tale)
    mirror_everything(tale)
    assert heard(tale) == unmirrored
    wait_for_copies(tale, ok=len(USERS), failed=len(USERS))
    # A tester who asks for the candidate is its listener, and nobody's copy.
    forced = tale.say(SHORT, cookie="gray_test=true")
    assert forced.headers["x-segue-release"] == "1.5.0"
    assert forced.content != unmirrored[USERS[0], SHORT][1]
    wait_for_copies(tale, ok=len(USERS), failed=len(USERS))
    assert tale.sentences() == told


def heard(tale: Tale) -> dict[tuple[str, str], tuple[str, bytes]]:
    """Let every user say a short and a long text; return which release answered, with what."""
    answers = {(user, text): tale.say(text, user=user) for user in USERS for text in (SHORT, LONG)}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert {answer.headers["x-segue-release"] for answer in answers.values()} == {"1.4.0"}
    assert not [answer for answer in answers.values() if "x-segue-failed-over-from" in answer.headers]
    return {asked: (answer.headers["x-segue-arm"], answer.content) for asked, answer in answers.items()}


def mirror_everything(tale: Tale) -> None:
    """Publish the table of the service with a mirror, and wait until the gateway serves by it."""
    live = tale.world.reader.tables[tale.service]
    mirroring = replace(live, epoch=live.epoch + 1, mirror_bp=FULL_BP)
    tale.world.publish(Topic.TABLE, tale.service, table_json(mirroring))
    deadline = time.monotonic() + 10
    ready = f"{tale.world.tree.gateway_url}/ready"
    while tale.world.http.get(ready).json()["epochs"][tale.service] != mirroring.epoch:
        assert time.monotonic() < deadline, "the gateway never served by the mirroring table"
        time.sleep(0.05)


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
