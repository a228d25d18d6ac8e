"""Who is served by whom, at the gateway."""

import time
from dataclasses import replace

import pytest

from controller.core.routing import RoutingTable
from controller.core.state import table
from controller.core.stream import begin, fold
from controller.wire.codec import table_json
from controller.wire.topics import Topic
from tests.journey.world import Tale


@pytest.fixture
def shared(tale: Tale) -> Tale:
    """1.4.0 is stable and 1.5.0 is loaded as a candidate without traffic."""
    tale.install(tale.world.release("1.4.0"))
    tale.request(tale.world.release("1.5.0", frequency_hz="660"), steps=[{"weight_bp": 0, "hold_s": 3600}])
    tale.applied(2)
    assert tale.table() == ["stable=1.4.0:10000", "candidate=1.5.0:0"]
    return tale


def test_cookie_forces_candidate(shared: Tale) -> None:
    """Given a candidate without traffic, the cookie gray_test=true is served by it, and nobody else is."""
    assert shared.served_by(["ann"], cookie="gray_test=true") == {"ann": "1.5.0"}
    assert shared.served_by(["ann"], cookie="gray_test=false") == {"ann": "1.4.0"}
    assert shared.served_by(["ann"]) == {"ann": "1.4.0"}


def test_header_forces_candidate(shared: Tale) -> None:
    """Given a candidate without traffic, the header x-segue-release reaches it by role and by version."""
    assert shared.served_by(["ann"], x_segue_release="candidate") == {"ann": "1.5.0"}
    assert shared.served_by(["ann"], x_segue_release="1.5.0") == {"ann": "1.5.0"}
    missing = shared.say(x_segue_release="9.9.9")
    assert missing.status_code == 404
    assert "1.5.0" in missing.text


def test_candidate_failure_is_answered_by_stable(tale: Tale) -> None:
    """Given a candidate that fails, its users hear stable instead, and the gateway counts the failure as its own."""
    tale.walk_to_candidate(
        tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660", max_characters="60")
    )
    answers = [tale.say("so long " * 10, user=f"user-{number}") for number in range(12)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-segue-release"] for answer in answers} == {"1.4.0"}
    assert "1.5.0" in {answer.headers.get("x-segue-failed-over-from", "") for answer in answers}
    metrics = tale.world.http.get(f"{tale.world.tree.gateway_url}/metrics").text
    assert any(
        line.startswith("segue_requests_total")
        and tale.service in line
        and 'outcome="error"' in line
        and "1.5.0" in line
        for line in metrics.splitlines()
    )


def test_stale_epoch_is_refused_by_router(tale: Tale) -> None:
    """Given a table of an older epoch on the topic, the gateway keeps the newer one."""
    old, new = tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660")
    tale.walk_to_candidate(old, new)
    live = table(fold(begin(tale.service), tale.facts()).state)
    older = RoutingTable(tale.service, 1, "older", tuple(replace(arm, release=new) for arm in live.arms))
    other = replace(live, salt="another table of the same epoch")
    for refused, stale in enumerate((older, other), start=1):
        tale.world.publish(Topic.TABLE, tale.service, table_json(stale))
        wait_for_metric(tale, "segue_routing_tables_refused_total", refused)
    tale.order("rollback")
    tale.applied(3)
    for stale in (live, older):
        tale.world.publish(Topic.TABLE, tale.service, table_json(stale))
    wait_for_metric(tale, "segue_routing_tables_refused_total", 4)
    assert set(tale.served_by([f"user-{number}" for number in range(20)]).values()) == {"1.4.0"}


def wait_for_metric(tale: Tale, name: str, value: float) -> None:
    """Wait until the gateway counts this much for the tale's service."""
    line, deadline = "", time.monotonic() + 10
    while not line.endswith(f" {value:.1f}"):
        assert time.monotonic() < deadline, f"{name} never became {value}; last seen: {line!r}"
        time.sleep(0.05)
        lines = tale.world.http.get(f"{tale.world.tree.gateway_url}/metrics").text.splitlines()
        line = next((line for line in lines if line.startswith(name) and tale.service in line), "")


def test_stable_kept_loaded_until_guard_window_ends(tale: Tale) -> None:
    """Given a promotion, the former stable stays loaded through the guard window, and is unloaded after it."""
    old = tale.world.release("2.0.0", frequency_hz="111")
    told = tale.install(old)
    tale.request(tale.world.release("2.1.0", frequency_hz="222"), steps=[], guard_s=4)
    told += [
        f"RolloutStarted {tale.service}-2 2.1.0 from 2.0.0",
        "ReleaseReady 2.1.0",
        "RolloutPromoted 2.1.0 over 2.0.0",
        "RouteSet 2 stable=2.1.0:10000 previous=2.0.0:0",
    ]
    tale.told(*told)
    ready = f"http://{tale.world.tree.settings.triton_http}/v2/models/{old.ensemble}/ready"
    assert tale.world.http.get(ready).status_code == 200
    tale.applied(2)
    assert tale.served_by(["ann"], x_segue_release="previous") == {"ann": "2.0.0"}
    tale.told(*told, "GuardWindowEnded 2.0.0", "RouteSet 3 stable=2.1.0:10000")
    tale.unloaded(old)
    assert tale.world.http.get(ready).status_code != 200
    assert tale.table() == ["stable=2.1.0:10000"]
