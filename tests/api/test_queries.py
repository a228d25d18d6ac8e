"""What the store knows, as JSON: exactly what was decided, with who, when and why."""

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.core.commands import ReportReleaseReady, RequestRollout, SetPlan
from controller.core.errors import Malformed
from controller.core.plan import Plan, Step
from controller.handle import handle
from controller.journal.store import open_store
from controller.settings import Settings
from controller.wire.inbound import Input, rejected
from controller.wire.topics import Topic
from tests.api.world import ALERTMANAGER, OPERATOR, Api, running
from tests.spec import SAID
from tests.wire.records import received
from tests.wire.values import NEW, OLD

PLAN = Plan("test", (Step(500, 600),))
BAD = b'{"data":{"service":"hibari"},"x":"' + b"y" * 600 + b'\xff"}'


@pytest.fixture
async def told(api: Api) -> Api:
    """An API over a store in which 1.5.0 serves, 1.6.0 has 5 %, and one message was rejected."""
    store = await open_store(api.settings.database)
    for number, release in enumerate((OLD, NEW)):
        asked = RequestRollout(service="hibari", **SAID, release=release, plan=PLAN)
        ready = ReportReleaseReady(
            service="hibari", **SAID, ensemble=release.ensemble, load_s=1, probe_latency_s=0.1, probe_audio_s=1
        )
        for name, command in (("asked", asked), ("ready", ready)):
            record = replace(received(Topic.REQUESTED, b"{}"), offset=number)
            await handle(store, [Input("test", f"{name}-{number}", command, 1_000 * (number + 1), record)])
    await handle(store, [rejected(received(Topic.ALERTS, BAD, (("x", b"1"),)), Malformed("it is bad"))])
    await store.close()
    return api


async def test_service_tells_state_table_rollout_and_timers(told: Api) -> None:
    """One question says who serves, how much the candidate has, and what is being waited for."""
    answer = await told.get("/v1/services/hibari")
    said = answer.json()
    assert answer.status_code == 200
    assert [(arm["role"], arm["release"]["version"], arm["weight_bp"]) for arm in said["table"]["arms"]] == [
        ("stable", "1.5.0", 9500),
        ("candidate", "1.6.0", 500),
    ]
    assert said["state"]["rollout"]["phase"] == "holding"
    assert (said["rollout"]["rollout"], said["rollout"]["status"]) == ("hibari-2", "holding")
    assert [step["weight_bp"] for step in said["rollout"]["steps"]] == [500]
    assert said["timers"] == [{"kind": "hold", "epoch": 3, "due": "1970-01-01T00:10:02.000Z"}]


async def test_services_lists_them(told: Api) -> None:
    """Operators see what viewers see."""
    said = (await told.get("/v1/services", OPERATOR)).json()["services"]
    assert [(one["service"], one["table"]["epoch"], one["state"]["stable"]["version"]) for one in said] == [
        ("hibari", 2, "1.5.0")
    ]


async def test_plans_are_told_with_who_and_why(told: Api) -> None:
    """A service's own plans come with version, author, reason and time; they stand in its state from one fact."""
    assert (await told.get("/v1/services/hibari/plans")).json() == {"service": "hibari", "plans": []}
    store = await open_store(told.settings.database)
    setting = SetPlan(service="hibari", **SAID, name="evening", plan=PLAN)
    await handle(store, [Input("test", "set", setting, 5_000, received(Topic.ORDERED, b"{}"))])
    await store.close()
    (said,) = (await told.get("/v1/services/hibari/plans")).json()["plans"]
    assert (said["name"], said["version"], said["at"]) == ("evening", 1, "1970-01-01T00:00:05.000Z")
    assert (said["actor"], said["reason"]) == ("ci", "a test says so")
    assert [(step["weight_bp"], step["hold_s"]) for step in said["plan"]["steps"]] == [(500, 600.0)]
    assert (await told.get("/v1/services/nobody/plans")).status_code == 404


async def test_history_is_told_page_by_page(told: Api) -> None:
    """Every fact is there once, in order, chained by hashes, with actor, reason and cause."""
    facts: list[dict[str, Any]] = []
    while page := (await told.get(f"/v1/services/hibari/history?after={len(facts)}&limit=3")).json()["facts"]:
        facts += page
    service = (await told.get("/v1/services/hibari")).json()
    assert [fact["position"] for fact in facts] == list(range(1, service["position"] + 1))
    assert [fact["type"] for fact in facts[:2]] == ["RolloutStarted", "ReleaseReady"]
    assert facts[0]["event"]["release"]["version"] == "1.5.0"
    assert (facts[0]["actor"], facts[0]["reason"], facts[0]["cause"]) == ("ci", "a test says so", "asked-0")
    assert facts[0]["prev_hash"] == "0" * 64
    assert [fact["prev_hash"] for fact in facts[1:]] == [fact["hash"] for fact in facts[:-1]]
    assert facts[-1]["hash"] == service["head_hash"]


async def test_dead_letters_tell_reason_and_origin(told: Api) -> None:
    """A list shows how each begins; one letter shows every byte."""
    (letter,) = (await told.get("/v1/dead-letters")).json()["dead_letters"]
    assert (letter["letter"], letter["service"], letter["reason"]) == ("alerts.received/2/17", "hibari", "it is bad")
    assert (letter["bytes"], letter["headers"]) == (len(BAD), {"x": "1"})
    assert letter["begins"] == BAD[:500].decode()
    assert (await told.get(f"/v1/dead-letters?after={letter['number']}")).json() == {"dead_letters": []}
    whole = (await told.get("/v1/dead-letters/alerts.received/2/17")).json()
    assert b64decode(whole["value_base64"]) == BAD
    assert b64decode(whole["key_base64"]) == b"hibari"


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/v1/services/nobody", 404, "nothing is recorded for a service named 'nobody'; see /v1/services"),
        ("/v1/services/nobody/history", 404, "nothing is recorded for a service named 'nobody'; see /v1/services"),
        ("/v1/dead-letters/none", 404, "there is no dead letter 'none'; see /v1/dead-letters"),
        ("/v1/dead-letters/%00", 400, "letter is '\\x00'; allowed: text without the character U+0000"),
        ("/v1/services/hibari/history?limit=0", 400, "?limit= is '0'; allowed: a whole number from 1 to 1000"),
        ("/v1/services/hibari/history?after=-1", 400, "?after= is '-1'; allowed: a whole number from 0"),
        ("/v1/dead-letters?after=x", 400, "?after= is 'x'; allowed: a whole number from 0"),
        (f"/v1/dead-letters?after={'9' * 5000}", 400, "?after= is '999"),
    ],
)
async def test_question_that_has_no_answer_says_why(told: Api, path: str, status: int, sentence: str) -> None:
    """One sentence, and what to ask instead."""
    answer = await told.get(path)
    assert (answer.status_code, sentence in answer.json()["error"]) == (status, True)


@pytest.mark.parametrize(
    "path", ["/v1/services", "/v1/services/x", "/v1/services/x/history", "/v1/dead-letters", "/v1/dead-letters/x"]
)
async def test_only_viewers_and_operators_look(api: Api, path: str) -> None:
    """History is for people with a token for it."""
    assert (await api.get(path, "")).status_code == 401
    assert (await api.get(path, ALERTMANAGER)).status_code == 403
    assert (await api.get(path, OPERATOR)).status_code in (200, 404)


async def test_api_tells_that_the_store_needs_an_upgrade(settings: Settings, tmp_path: Path) -> None:
    """It starts with a store it cannot read, says so, and still takes alerts."""
    async with running(replace(settings, data=tmp_path / "empty")) as api:
        (tmp_path / "empty").mkdir()
        ready = await api.client.get("/ready")
        assert ready.status_code == 503
        assert "segue db upgrade" in ready.json()["missing"]["database"]
        answer = await api.get("/v1/services")
        assert answer.status_code in (500, 503)
        assert "segue db upgrade" in answer.json()["error"]


async def test_metrics_name_routes_not_paths(told: Api) -> None:
    """Names in paths do not become labels."""
    await told.get("/v1/services/hibari")
    await told.get("/no/such/path")
    text = (await told.client.get("/metrics")).text
    assert 'segue_api_requests_total{code="200",route="/v1/services/{name}"} 1.0' in text
    assert 'segue_api_requests_total{code="404",route="none"} 1.0' in text
    assert "segue_api_request_seconds_bucket" in text
    assert json.dumps("/v1/services/hibari") not in text
