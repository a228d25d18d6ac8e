"""Orders and requests over HTTP: refused at once when malformed, else in Kafka when 202 is answered."""

import pytest

from controller.core.commands import (
    AdvanceRollout,
    AnyCommand,
    ApproveGate,
    ExtendHold,
    MarkRollback,
    OverrideQuarantine,
    PauseRollout,
    PromoteRollout,
    RejectGate,
    RequestRollout,
    ResumeRollout,
    RetireService,
    RollBack,
    SetPlan,
)
from controller.core.plan import Plan, Step
from controller.wire.topics import Topic
from tests.api.world import ALERTMANAGER, LISTENER, VIEWER, Api
from tests.wire.records import RELEASE
from tests.wire.values import NEW

SAID = {"actor": "lena", "reason": "it sounds flat"}


@pytest.mark.parametrize(
    ("order", "more", "command"),
    [
        ("advance", {}, AdvanceRollout(service="order-advance", **SAID)),
        ("extend", {"by_s": 90}, ExtendHold(service="order-extend", **SAID, by_s=90)),
        ("approve", {"gate": "ear"}, ApproveGate(service="order-approve", **SAID, gate="ear", role="operator")),
        ("reject", {"gate": "ear"}, RejectGate(service="order-reject", **SAID, gate="ear", role="operator")),
        ("pause", {}, PauseRollout(service="order-pause", **SAID)),
        ("resume", {}, ResumeRollout(service="order-resume", **SAID)),
        ("promote", {"rollout": "x-1"}, PromoteRollout(service="order-promote", **SAID, rollout="x-1")),
        ("rollback", {"to": "1.4.0"}, RollBack(service="order-rollback", **SAID, to="1.4.0")),
        ("override", {"digest": NEW.digest}, OverrideQuarantine(service="order-override", **SAID, digest=NEW.digest)),
        (
            "mark",
            {"rollout": "x-1", "false_alarm": True},
            MarkRollback(service="order-mark", **SAID, rollout="x-1", false_alarm=True),
        ),
    ],
)
async def test_order_is_in_kafka_when_202_is_answered(
    api: Api, order: str, more: dict[str, object], command: AnyCommand
) -> None:
    """Every order can be given over HTTP, and says who and why."""
    answer = await api.post(f"/v1/services/{command.service}/{order}", {**SAID, **more})
    assert answer.status_code == 202
    (said,) = await api.taken(Topic.ORDERED, command.service)
    assert said.command == command
    assert answer.json() == {
        "id": said.id,
        "source": said.source,
        "service": command.service,
        "type": f"io.segue.rollout.{order}",
    }


async def test_service_is_retired(api: Api) -> None:
    """A service as a whole is ended by an order too."""
    answer = await api.post("/v1/services/tired/retire", SAID)
    assert answer.status_code == 202
    (said,) = await api.taken(Topic.ORDERED, "tired")
    assert said.command == RetireService(service="tired", **SAID)


async def test_gate_is_approved_in_the_role_of_the_token(api: Api) -> None:
    """Whoever has a role that gates ask for may answer them and look, and gives no other order."""
    gate = {**SAID, "gate": "lab"}
    assert (await api.post("/v1/services/heard/approve", gate, LISTENER)).status_code == 202
    (said,) = await api.taken(Topic.ORDERED, "heard")
    assert said.command == ApproveGate(service="heard", **SAID, gate="lab", role="voice-quality")
    assert (await api.get("/v1/services", LISTENER)).status_code == 200
    assert (await api.post("/v1/services/heard/promote", SAID, LISTENER)).status_code == 403
    for token in (VIEWER, ALERTMANAGER):
        answer = await api.post("/v1/services/heard/reject", gate, token)
        assert answer.status_code == 403
        assert answer.json()["error"].endswith("use one of role operator, or of the one that the gate asks for")
    assert len(await api.taken(Topic.ORDERED, "heard")) == 1


async def test_nobody_borrows_a_role(api: Api) -> None:
    """A role in the body that is not the token's own is refused."""
    borrowed = {**SAID, "gate": "lab", "role": "voice-quality"}
    answer = await api.post("/v1/services/borrowed/approve", borrowed)
    assert answer.status_code == 400
    assert answer.json()["error"] == "body.role is 'voice-quality'; allowed: 'operator', as in the token, or none"
    assert await api.taken(Topic.ORDERED, "borrowed") == []


async def test_rollout_is_requested(api: Api) -> None:
    """A release can be published over HTTP, with a plan's name and the endpoints that it is to live on."""
    body = {**SAID, "service": "asked", "release": RELEASE, "plan": "quick", "endpoints": ["triton-a:8000"]}
    answer = await api.post("/v1/rollouts", body)
    assert answer.status_code == 202
    (said,) = await api.taken(Topic.REQUESTED, "asked")
    assert said.command == RequestRollout(
        service="asked", **SAID, release=NEW, plan="quick", endpoints=("triton-a:8000",)
    )
    elsewhere = await api.post("/v1/rollouts", {**body, "endpoints": ["triton-a"]})
    assert elsewhere.status_code == 400
    assert "data.endpoints.0 is 'triton-a'; allowed: host:port" in elsewhere.json()["error"]


async def test_plan_is_set_by_name(api: Api) -> None:
    """A service's plan goes over HTTP in the language of plans; a bad one is refused at once, place and all."""
    body = {**SAID, "name": "evening", "plan": {"steps": [{"weight": "5 %", "hold": "1h"}], "gates": []}}
    assert (await api.post("/v1/services/planned/plans", body)).status_code == 202
    (said,) = await api.taken(Topic.ORDERED, "planned")
    plan = Plan("custom", (Step(500, 3600),))
    assert said.command == SetPlan(service="planned", **SAID, name="evening", plan=plan)
    bad = await api.post("/v1/services/planned/plans", {**body, "plan": {"steps": [{"weight": 5, "hold": "1h"}]}})
    assert bad.status_code == 400
    assert "data.plan.steps.0.weight is 5; allowed: text such as" in bad.json()["error"]


async def test_order_sent_again_under_its_own_key_is_the_same_order(api: Api) -> None:
    """Who is not sure whether an order arrived gives it again, and the inbox knows it."""
    for _ in range(2):
        answer = await api.post("/v1/services/twice/pause", SAID, headers={"Idempotency-Key": "night-shift-7"})
        assert answer.status_code == 202
    first, second = await api.taken(Topic.ORDERED, "twice")
    assert (first.source, first.id) == (second.source, second.id)


async def test_one_key_for_two_orders_makes_two_orders(api: Api) -> None:
    """A key repeats one kind of order for one service, and never swallows another."""
    key = {"Idempotency-Key": "night-shift-8"}
    paths = ("/v1/services/one-key/pause", "/v1/services/one-key/resume", "/v1/services/other-key/pause")
    ids = {(await api.post(path, SAID, headers=key)).json()["id"] for path in paths}
    assert len(ids) == 3


async def test_orders_without_a_key_are_different_orders(api: Api) -> None:
    """Pausing, resuming and pausing again pauses again."""
    ids = {(await api.post("/v1/services/thrice/pause", SAID)).json()["id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/v1/services/bad/pause", {"reason": "r"}, "data.actor is missing; allowed: a value"),
        ("/v1/services/bad/pause", {"actor": "a", "reason": " "}, r"data.reason is ' '; allowed: text that matches \S"),
        (
            "/v1/services/bad/pause",
            {**SAID, "why": "x"},
            "data.why is not a field of PauseOrdered; allowed: service, actor, reason, rollout",
        ),
        ("/v1/services/bad/override", {**SAID, "digest": "1.6.0"}, "data.digest is '1.6.0'"),
        ("/v1/services/bad/pause", {**SAID, "service": "other"}, "body.service is 'other'; allowed: 'bad'"),
        ("/v1/services/NOT A NAME/pause", SAID, "data.service is 'NOT A NAME'"),
        ("/v1/services/bad/pause", b"", "body, character 0 is the end; allowed: JSON"),
        ("/v1/services/bad/pause", b'{"actor":"a","actor":"b"}', "key 'actor' occurs twice"),
        ("/v1/rollouts", {**SAID, "service": "bad"}, "data.release is missing"),
        (
            "/v1/rollouts",
            {**SAID, "service": "bad", "release": RELEASE, "plan": "fast lane"},
            "data.plan is 'fast lane'; allowed",
        ),
    ],
)
async def test_malformed_order_is_refused_at_once(api: Api, path: str, body: object, sentence: str) -> None:
    """The sender hears in one sentence what to change, and nothing goes to Kafka."""
    answer = await api.post(path, body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert await api.taken(Topic.ORDERED, "bad") == await api.taken(Topic.REQUESTED, "bad") == []


async def test_key_that_no_inbox_could_hold_is_refused(api: Api) -> None:
    """An Idempotency-Key has an end."""
    answer = await api.post("/v1/services/bad/pause", SAID, headers={"Idempotency-Key": "k" * 201})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]


@pytest.mark.parametrize("token", [VIEWER, ALERTMANAGER])
@pytest.mark.parametrize("path", ["/v1/services/forged/rollback", "/v1/rollouts"])
async def test_only_operators_give_orders(api: Api, path: str, token: str) -> None:
    """Looking and alerting are no right to steer."""
    answer = await api.post(path, SAID, token)
    assert answer.status_code == 403
    assert answer.json()["error"].endswith("use one of role operator")
    assert await api.taken(Topic.ORDERED, "forged") == []
