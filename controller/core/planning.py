"""How a service comes by plans of its own: each setting is a fact, and a rollout keeps the plan that it began with."""

from dataclasses import replace
from typing import Final

from controller.core.commands import SetPlan
from controller.core.draft import Draft
from controller.core.events import OrderRefused, PlanSet

MOST_PLANS: Final = 20
"""They stand in the service's state, which is written with every message."""


def set_plan(draft: Draft, order: SetPlan) -> None:
    """Let a name mean this plan from now on; the same again changes nothing."""
    plans = draft.state.plans
    plan = replace(order.plan, name=order.name)
    former = next((one for one in plans if one.name == order.name), None)
    if former is not None and former.plan == plan:
        return
    if former is None and len(plans) >= MOST_PLANS:
        known = ", ".join(one.name for one in plans)
        why = f"{draft.state.service} has {MOST_PLANS} plans, which is the most; set one of them anew: {known}"
        draft.add(OrderRefused(**draft.said(why, rollout=""), order=type(order).__name__))
        return
    version = former.version + 1 if former else 1
    draft.add(PlanSet(**draft.said(rollout=""), name=order.name, version=version, plan=plan))
