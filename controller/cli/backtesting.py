"""`segue backtest`: decide a service's recorded messages again by another plan, and compare rollout by rollout."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import AsJson, tell_json, tell_table
from controller.cli.here import settings_here

if TYPE_CHECKING:
    from controller.backtest import Compared
    from controller.core.plan import Plan
    from controller.courses import Course


def backtest(
    service: Annotated[str, typer.Argument(help="The service, such as hibari.")],
    plan: Annotated[
        str, typer.Option(help="A plan's name, be it the service's own, or a file with one as YAML or JSON.")
    ],
    as_json: AsJson = False,
) -> None:
    """
    Tell what would have become of each rollout by another plan: what happened, what would have happened, and when.

    Nothing is changed by it. What nobody measured then cannot be known now; where that matters, it is said.

    Example: segue backtest hibari --plan evening.yaml
    """
    chosen, compared = asyncio.run(_compare(service, plan))
    if as_json:
        tell_json({"service": service, "plan": chosen.name, "rollouts": [_values(one) for one in compared]})
        return
    tell_table(
        ("rollout", "release", "by", "outcome", "began", "ended", "most traffic", "why"),
        [row for one in compared for row in _rows(one, chosen.name)],
        none=f"nothing was ever rolled out for {service}",
    )


async def _compare(service: str, plan: str) -> "tuple[Plan, tuple[Compared, ...]]":
    from controller.backtest import backtest as decided_by
    from controller.cli.plans import plan_called
    from controller.cli.stored import opened
    from controller.core.errors import Broken
    from controller.core.named import find_plan
    from controller.journal import views
    from controller.journal.inputs import inputs

    async with opened(settings_here()) as store:
        stands = await views.service(store, service)
        if stands is None:
            known = ", ".join(one.service for one in await views.services(store)) or "none"
            raise Broken(f"nothing was ever recorded for a service {service}; known services: {known}")
        own = find_plan(stands.state.plans, plan)
        chosen = own.plan if own else plan_called(plan)
        messages = [one async for one in inputs(store, service)]
        facts = [fact async for fact in views.facts(store, service)]
    return chosen, decided_by(messages, facts, chosen)


def _values(compared: "Compared") -> dict[str, object]:
    happened, other = compared.happened, compared.would_have
    return {
        "rollout": happened.rollout,
        "release": happened.version,
        "request": happened.request,
        "happened": _course(happened),
        "would_have": _course(other) if other else None,
        "unknown": compared.unknown,
    }


def _course(course: "Course") -> dict[str, object]:
    from controller.log import iso

    return {
        "outcome": course.outcome,
        "reason": course.reason,
        "began_at": iso(course.began_ms / 1000),
        "ended_at": iso(course.ended_ms / 1000) if course.ended_ms >= 0 else None,
        "most_bp": course.most_bp,
    }


def _rows(compared: "Compared", plan: str) -> list[tuple[str, ...]]:
    happened = compared.happened
    rows = [(happened.rollout, happened.version, "as it was", *_cells(happened))]
    if compared.would_have:
        rows.append(("", "", plan, *_cells(compared.would_have)))
    if compared.unknown:
        rows.append(("", "", plan, "not known", "", "", "", compared.unknown))
    return rows


def _cells(course: "Course") -> tuple[str, ...]:
    from controller.cli.words import percent
    from controller.core.names import FULL_BP
    from controller.courses import PROMOTED
    from controller.log import iso

    ended = iso(course.ended_ms / 1000) if course.ended_ms >= 0 else ""
    most = percent(FULL_BP if course.outcome in PROMOTED else course.most_bp)
    return course.outcome, iso(course.began_ms / 1000), ended, most, course.reason
