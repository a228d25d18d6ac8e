"""POST /alertmanager: 202 means that Kafka has it; anything else says what to do."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.commands import RejectMessage, ReportAlert
from controller.core.names import UNADDRESSED
from controller.outside.kafka import ensure_topics
from controller.parts.kafka import start_kafka
from controller.parts.ports import free_port
from controller.settings import Settings
from controller.wire.alertmanager import WEBHOOK_LIMIT_BYTES
from controller.wire.topics import Topic
from tests.api.world import ALERTMANAGER, OPERATOR, TOKENS, VIEWER, Api, bearer, running


def alert(service: str, **changes: object) -> dict[str, object]:
    """Return an alert as Alertmanager sends it."""
    return {
        "status": "firing",
        "labels": {"alertname": "Errors", "service": service, "severity": "critical"},
        "annotations": {"summary": "it fails"},
        "startsAt": "2026-03-03T09:26:40Z",
        "fingerprint": "c4f3",
    } | changes


def webhook(*alerts: dict[str, object]) -> dict[str, object]:
    """Return a notification's body."""
    return {"version": "4", "status": "firing", "receiver": "segue", "alerts": list(alerts)}


async def test_alert_is_in_kafka_when_202_is_answered(api: Api) -> None:
    """Whoever gets 202 may forget the alert: Kafka has it, keyed by its service, stamped by the broker's clock."""
    before_ms = time.time_ns() // 1_000_000
    answer = await api.post("/alertmanager", webhook(alert("taken")), ALERTMANAGER)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    (said,) = await api.taken(Topic.ALERTS, "taken")
    assert isinstance(said.command, ReportAlert)
    assert (said.command.service, said.command.actor, said.command.reason) == ("taken", "alertmanager", "it fails")
    assert before_ms - 1_000 <= said.sent_ms <= before_ms + 60_000
    received_at_ms = json.loads(said.record.value or b"")["data"]["received_at_ms"]
    assert before_ms <= received_at_ms <= before_ms + 60_000


async def test_grouped_alerts_go_to_their_services(api: Api) -> None:
    """One notification about two services becomes a message of each."""
    answer = await api.post(
        "/alertmanager", webhook(alert("one"), alert("two"), alert("two", status="resolved")), ALERTMANAGER
    )
    assert answer.json() == {"accepted": 3}
    assert len(await api.taken(Topic.ALERTS, "one")) == 1
    commands = [said.command for said in await api.taken(Topic.ALERTS, "two")]
    assert [command.firing for command in commands if isinstance(command, ReportAlert)] == [True, False]


async def test_alert_that_names_no_service_is_taken_and_rejected_by_its_reader(api: Api) -> None:
    """It is journalled with its reason, and costs its neighbour nothing."""
    nameless = alert("x", labels={"alertname": "Nameless"}, fingerprint="nameless")
    answer = await api.post("/alertmanager", webhook(nameless, alert("neighbour")), ALERTMANAGER)
    assert answer.status_code == 202
    assert len(await api.taken(Topic.ALERTS, "neighbour")) == 1
    (said,) = [one for one in await api.taken(Topic.ALERTS, UNADDRESSED) if b'"nameless"' in (one.record.value or b"")]
    assert isinstance(said.command, RejectMessage)
    assert "data.service is ''" in said.command.reason


async def test_malformed_body_is_answered_400_and_journalled(api: Api) -> None:
    """The sender hears why, and the bytes reach the reader that records them as rejected, for the same reason."""
    body = b'{"version":"3","alerts":[]}'
    answer = await api.post("/alertmanager", body, ALERTMANAGER)
    reason = "webhook.version is '3'; allowed: '4', as Alertmanager 0.16 and later send it"
    assert (answer.status_code, answer.json()) == (400, {"error": reason})
    (said,) = [one for one in await api.taken(Topic.ALERTS, None) if one.record.value == body]
    assert isinstance(said.command, RejectMessage)
    assert said.command.reason == reason
    metrics = (await api.client.get("/metrics")).text
    assert 'segue_api_alerts_total{outcome="malformed"} 1.0' in metrics
    assert 'segue_api_requests_total{code="400",route="/alertmanager"} 1.0' in metrics


async def test_largest_body_is_taken_and_a_larger_is_not(api: Api) -> None:
    """8 MiB is the limit; the answer beyond it says so, whether the length was told before or not."""
    big = b"x" * WEBHOOK_LIMIT_BYTES
    assert (await api.post("/alertmanager", big, ALERTMANAGER)).status_code == 400
    (kept,) = [said for said in await api.taken(Topic.ALERTS, None) if said.record.value == big[: 1024 * 1024]]
    assert f"(the first 1048576 of its {len(big)} bytes are kept)" in kept.command.reason
    declared = await api.post("/alertmanager", big + b"x", ALERTMANAGER)
    assert declared.status_code == 413
    assert declared.json() == {"error": "the body is longer than 8388608 bytes; send less"}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield big[: WEBHOOK_LIMIT_BYTES // 4]

    streamed = await api.client.post("/alertmanager", content=chunks(), headers=bearer(ALERTMANAGER))
    assert streamed.status_code == 413


@pytest.mark.parametrize(
    ("token", "status", "sentence"),
    [
        ("", 401, "a token is needed: send 'Authorization: Bearer TOKEN' with one of role alertmanager"),
        ("wrong-token-0123456789", 401, "this token is not known here; see SEGUE_TOKENS or SEGUE_TOKENS_FILE"),
        (ALERTMANAGER[:-1], 401, "this token is not known here; see SEGUE_TOKENS or SEGUE_TOKENS_FILE"),
        ("wröng-token-0123456789".encode().decode("latin-1"), 401, "this token is not known here"),
        (VIEWER, 403, "a token of role viewer may not do this; use one of role alertmanager"),
        (OPERATOR, 403, "a token of role operator may not do this; use one of role alertmanager"),
    ],
)
async def test_nobody_else_raises_an_alert(api: Api, token: str, status: int, sentence: str) -> None:
    """Only a token of role alertmanager does; nothing of another's body reaches Kafka."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in bearer(token).items()]
    answer = await api.client.post("/alertmanager", content=json.dumps(webhook(alert("forged"))), headers=headers)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert await api.taken(Topic.ALERTS, "forged") == []


async def test_without_tokens_nobody_is_let_in(settings: Settings) -> None:
    """An API that was given no token says how to give it one."""
    async with running(replace(settings, tokens={})) as api:
        answer = await api.post("/alertmanager", webhook(alert("forged")), ALERTMANAGER)
    assert answer.status_code == 401
    assert "set SEGUE_TOKENS=role:token" in answer.json()["error"]


async def test_no_token_is_ever_logged_or_answered(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Good or bad, a token appears in no line and no body."""
    caplog.set_level(logging.DEBUG)
    secrets = (*TOKENS, "wrong-token-0123456789")
    said = [await api.post("/alertmanager", b"{", token) for token in secrets]
    said += [await api.get("/v1/services/x", token) for token in secrets]
    said.append(await api.client.get("/metrics"))
    # httpx, on the other side of the wire, is not ours to judge.
    lines = [line.getMessage() for line in caplog.records if not line.name.startswith(("httpx", "httpcore"))]
    for secret in secrets:
        assert not [text for text in (*lines, *(answer.text for answer in said)) if secret in text]


async def test_wrong_path_and_method_say_so(api: Api) -> None:
    """A slip in Alertmanager's configuration is an answer, not a mystery."""
    wrong = await api.post("/alertmanagre", {}, ALERTMANAGER)
    there = "there is nothing at this path; alerts are posted to /alertmanager, and /openapi.json has all paths"
    assert (wrong.status_code, wrong.json()) == (404, {"error": there})
    assert (await api.get("/alertmanager")).status_code == 405


async def test_api_waits_for_a_kafka_that_comes_later(settings: Settings, tmp_path: Path) -> None:
    """Without Kafka it starts, answers 503 at once, and takes alerts as soon as Kafka and its topics are there."""
    port = free_port()
    async with running(replace(settings, kafka=f"127.0.0.1:{port}")) as api:
        begun_s = time.monotonic()
        answer = await api.post("/alertmanager", webhook(alert("early")), ALERTMANAGER)
        assert time.monotonic() - begun_s < 0.5
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "nothing was taken, send it again" in answer.json()["error"]
        missing = (await api.client.get("/ready")).json()["missing"]
        assert f"127.0.0.1:{port}" in missing["kafka"]
        with await asyncio.to_thread(start_kafka, tmp_path / "late", port) as late:
            await asyncio.to_thread(ensure_topics, late.bootstrap)
            await api.until_ready()
            assert (await api.post("/alertmanager", webhook(alert("early")), ALERTMANAGER)).status_code == 202
            assert len(await api.taken(Topic.ALERTS, "early")) == 1


async def test_api_outlives_a_crash_of_kafka(settings: Settings, tmp_path: Path) -> None:
    """While Kafka is gone the answer is 503 within seconds; when it is back, alerts are taken again by themselves."""
    with await asyncio.to_thread(start_kafka, tmp_path / "crash") as broker:
        await asyncio.to_thread(ensure_topics, broker.bootstrap)
        async with running(replace(settings, kafka=broker.bootstrap)) as api:
            await api.until_ready()
            assert (await api.post("/alertmanager", webhook(alert("first")), ALERTMANAGER)).status_code == 202
            await asyncio.to_thread(broker.kill)
            begun_s = time.monotonic()
            lost = await api.post("/alertmanager", webhook(alert("second")), ALERTMANAGER)
            assert lost.status_code == 503
            assert time.monotonic() - begun_s < 5
            await asyncio.to_thread(broker.start)
            await api.until_ready()
            # As Alertmanager does: the same notification again, until it is taken.
            again = await api.post("/alertmanager", webhook(alert("second")), ALERTMANAGER)
            assert again.status_code == 202
            said = await api.taken(Topic.ALERTS, "second")
            assert len({one.id for one in said}) == 1
            assert len(await api.taken(Topic.ALERTS, "first")) == 1


async def test_many_alerts_at_once_are_all_taken(api: Api) -> None:
    """A storm of notifications loses none."""
    bodies = [
        webhook(*(alert("storm", fingerprint=f"{group}-{number}") for number in range(20))) for group in range(25)
    ]
    answers = await asyncio.gather(*(api.post("/alertmanager", body, ALERTMANAGER) for body in bodies))
    assert {answer.status_code for answer in answers} == {202}
    assert len({said.id for said in await api.taken(Topic.ALERTS, "storm")}) == 500


async def test_answers_are_not_held_back_for_a_fuller_packet(api: Api) -> None:
    """An answer leaves when it is written: Nagle's algorithm would add 40 ms to each."""
    times_s = []
    for _ in range(10):
        begun_s = time.perf_counter()
        await api.client.get("/health")
        times_s.append(time.perf_counter() - begun_s)
    assert min(times_s) < 0.03
