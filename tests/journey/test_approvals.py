"""Gates that ask people: what waits, who may answer, and what a yes and a no do."""

from controller.core.events import GateApproved, OrderRefused, RolloutAborted
from tests.journey.asking import post_order, segue
from tests.journey.clock import elapse
from tests.journey.world import Tale

FIRST_STEP = ["StepStarted 0 500", "RouteSet 2 stable=1.4.0:9500 candidate=1.5.0:500"]
SECOND_STEP = ["StepStarted 1 5000", "RouteSet 3 stable=1.4.0:5000 candidate=1.5.0:5000"]


def stands_before(tale: Tale, gate: str, **of_gate: str) -> list[str]:
    """1.5.0 stands on the first of two steps, each of which ends with a gate that asks a person."""
    told = tale.install(tale.world.release("1.4.0"))
    tale.request(
        tale.world.release("1.5.0", frequency_hz="660"),
        steps=[{"weight_bp": weight_bp, "hold_s": 3600, "gates": [gate]} for weight_bp in (500, 5000)],
        gates=[{"kind": "approval", "name": gate, **of_gate}],
    )
    told += [f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0", "ReleaseReady 1.5.0", *FIRST_STEP]
    tale.told(*told)
    return told


def test_manual_gate_waits_for_a_person(tale: Tale) -> None:
    """Given a gate that asks a person, the end of the hold waits until somebody approves, in each step anew."""
    told = stands_before(tale, "ear")
    tale.order("approve", gate="nose")
    told += ["OrderRefused ApproveGate"]
    tale.told(*told)
    elapse(tale)
    told += ["RolloutWaiting 0"]
    tale.told(*told)
    command = segue(tale.world)
    status = command.json("rollout", "status", tale.service)
    assert status["waiting_for"].startswith("ear waits for somebody to approve it; then 50 %")
    assert [(gate["gate"], gate["outcome"]) for gate in status["rollout"]["gates"]] == [("ear", "inconclusive")]
    assert tale.table() == ["stable=1.4.0:9500", "candidate=1.5.0:500"]
    tale.order("approve", gate="ear", actor="ann")
    told += ["GateApproved ear at 0", "GateJudged ear pass", *SECOND_STEP]
    tale.told(*told)
    tale.world.pager.told(tale.service, "ear is approved")
    # While the hold runs, an approval waits for its end; a second one is told of the first.
    tale.order("approve", gate="ear", actor="ann")
    told += ["GateApproved ear at 1"]
    tale.told(*told)
    tale.order("approve", gate="ear", actor="ben")
    told += ["OrderRefused ApproveGate"]
    tale.told(*told)
    assert [fact.event.reason for fact in tale.facts() if isinstance(fact.event, OrderRefused)][-1].startswith(
        "ann approved ear already"
    )
    elapse(tale)
    tale.told(*told, "GateJudged ear pass", "RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 4 " + PROMOTED)
    assert tale.table() == PROMOTED.split()
    explained = command("explain", f"{tale.service}-2").out
    assert "it waited: ear waits for somebody to approve it." in explained
    assert "ann approved ear at step 0: she says so." in explained


PROMOTED = "stable=1.5.0:10000 previous=1.4.0:0"


def test_approval_by_webhook(tale: Tale) -> None:
    """Given a gate that asks for a role, a system with its token approves, later rejects; nobody else can."""
    told = stands_before(tale, "lab", role="voice-quality")
    elapse(tale)
    told += ["RolloutWaiting 0"]
    tale.told(*told)
    said = {"gate": "lab", "actor": "listening-room", "reason": "40 of 40 clips sound well"}
    assert post_order(tale, "approve", said, "viewer").status_code == 403
    assert post_order(tale, "approve", said, None).status_code == 401
    assert post_order(tale, "approve", {**said, "role": "voice-quality"}, "operator").status_code == 400
    assert post_order(tale, "approve", said, "operator").status_code == 202
    told += ["OrderRefused ApproveGate"]
    tale.told(*told)
    assert tale.table() == ["stable=1.4.0:9500", "candidate=1.5.0:500"]
    assert post_order(tale, "approve", said, "voice-quality").status_code == 202
    told += ["GateApproved lab at 0 as voice-quality", "GateJudged lab pass", *SECOND_STEP]
    tale.told(*told)
    (approved,) = [fact.event for fact in tale.facts() if isinstance(fact.event, GateApproved)]
    assert (approved.actor, approved.reason) == ("listening-room", said["reason"])
    worse = {**said, "reason": "consonants are blurred"}
    assert post_order(tale, "reject", worse, "voice-quality").status_code == 202
    told += [
        "GateRejected lab at 1 as voice-quality",
        "RolloutAborted gate 1.5.0 back to 1.4.0",
        "RouteSet 4 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    ]
    tale.told(*told)
    (aborted,) = [fact.event for fact in tale.facts() if isinstance(fact.event, RolloutAborted)]
    assert aborted.reason == "listening-room rejected lab: consonants are blurred"
    tale.applied(4)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert set(tale.served_by(["ann", "ben"]).values()) == {"1.4.0"}
