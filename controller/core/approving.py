"""People as a gate: who may let a candidate pass at a step, and what their yes and no do."""

from controller.core.commands import ApproveGate, RejectGate
from controller.core.draft import Draft
from controller.core.events import GateApproved, GateRejected, Trigger
from controller.core.gates import Gate, GateKind
from controller.core.refusal import meant, refuse
from controller.core.rollout import Rollout
from controller.core.walk import look

EVERY_OPERATOR = "operator"
"""The role that a gate asks for when it names none."""


def approve(draft: Draft, order: ApproveGate) -> None:
    """Let a gate pass in this step; a rollout that waits for that goes on at once."""
    rollout = meant(draft, order, "to approve")
    gate = _asked(draft, rollout, order) if rollout else None
    if rollout is None or gate is None:
        return None
    before = next((one for one in rollout.approvals if one.gate == gate.name), None)
    if before is not None:
        still = _still_missing(rollout)
        return refuse(draft, order, f"{before.actor} approved {gate.name} already; {still}")
    draft.add(GateApproved(**draft.said(), gate=gate.name, step=rollout.step, role=order.role))
    return look(draft)


def reject(draft: Draft, order: RejectGate) -> None:
    """Take the candidate back because somebody heard that it should not go on; a gate on trial only notes it."""
    rollout = meant(draft, order, "to reject")
    gate = _asked(draft, rollout, order) if rollout else None
    if rollout is None or gate is None:
        return
    said = draft.said()
    draft.add(GateRejected(**said, gate=gate.name, step=rollout.step, role=order.role))
    if not gate.dry_run:
        draft.abort(Trigger.GATE, f"{said['actor']} rejected {gate.name}: {order.reason}", (gate.name,))


def _asked(draft: Draft, rollout: Rollout, order: ApproveGate | RejectGate) -> Gate | None:
    """Return the gate if it asks for this person now; otherwise refuse the order and return None."""
    here = [gate for gate in rollout.plan.gates_at(rollout.step) if gate.kind is GateKind.APPROVAL]
    gate = next((gate for gate in here if gate.name == order.gate), None)
    if gate is None:
        refuse(draft, order, _not_here(rollout, order.gate, here))
        return None
    wanted, given = gate.role or EVERY_OPERATOR, order.role or EVERY_OPERATOR
    if wanted != given:
        why = f"{gate.name} asks for somebody with the role {wanted}, and this was said with the role {given}"
        refuse(draft, order, f"{why}; ask one who has it")
        return None
    return gate


def _not_here(rollout: Rollout, name: str, here: list[Gate]) -> str:
    steps = [number for number, step in enumerate(rollout.plan.steps) if name in step.gates]
    waits = ", ".join(gate.name for gate in here)
    where = f"step {rollout.step} of rollout {rollout.id}" if rollout.step >= 0 else f"rollout {rollout.id}, not begun,"
    then = f"; there it is {waits}" if waits else ""
    if any(gate.name == name and gate.kind is GateKind.APPROVAL for gate in rollout.plan.gates):
        at = ", ".join(str(number) for number in steps)
        return f"{where} asks nobody for {name}, which is asked at step {at}{then}; say it again then"
    return f"{where} waits for no approval called {name}{then or '; it waits for nobody'}"


def _still_missing(rollout: Rollout) -> str:
    return f"the rollout waits for {rollout.waiting}" if rollout.waiting else "it counts at the end of the hold"
