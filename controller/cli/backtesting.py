"""`segue backtest`: decide recorded messages again by another plan, and compare rollout by rollout."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import AsJson, check_chart, save, tell_json, tell_table
from controller.cli.here import settings_here
from controller.cli.plain import say

if TYPE_CHECKING:
    from controller.backtest.compare import Compared
    from controller.backtest.policy import Policy
    from controller.core.plan import AlertPolicy, Plan
    from controller.settings import Settings


def backtest(
    plan: Annotated[
        str | None,
        typer.Option(help="A plan's name, be it a service's own, or a file with one as YAML or JSON."),
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(help="A file with what alerts do, as it stands under `alerts` in a plan.")
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="Only this service; given again, these. All of them when left out.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only rollouts that began then or later; ISO 8601 with the zone.")
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="Draw the comparison into this .svg file.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Tell what would have become of each rollout by another plan: what happened, what would have happened, and when.

    What alerts do is a part of the plan. With --alerts alone every rollout keeps the plan that it had, and alerts do
    what the file says. Of releases that were taken back, or would have been, it tells how many users' requests they
    had. Nothing is changed by it. What nobody measured then cannot be known now; where that matters, it is said.

    Example: segue backtest --plan evening.yaml --since 2026-03-01T00:00:00Z
    """
    from controller.backtest.picture import drawn
    from controller.backtest.summary import summed
    from controller.cli.backtested import HEAD, TOTALS, rows, totals, values
    from controller.wire.shape import plain

    check_chart(chart)
    settings, since_ms = settings_here(), _since(since)
    policies = asyncio.run(_policies(settings, plan, _alerts(alerts), service or []))
    compared = _compare(settings, policies, since_ms)
    name = _name(plan, alerts, policies)
    summary = summed(compared)
    if chart is not None:
        save(chart, drawn(compared, name))
    if as_json:
        return tell_json(
            {"policy": name, "rollouts": [values(one) for one in compared], "summary": plain(summary)},
        )
    tell_table(HEAD, [row for one in compared for row in rows(one, name)], none="nothing was ever rolled out")
    if compared:
        say()
        tell_table(TOTALS, [totals(summary)], none="")
    return None


def _compare(settings: "Settings", policies: "dict[str, Policy]", since_ms: int) -> "list[Compared]":
    from controller.backtest.services import backtests

    found: dict[str, tuple[Compared, ...]] = {}
    for name, compared in backtests(settings.database, policies, since_ms):
        found[name] = compared
        say(f"{name}: {len(compared)} rollouts decided again; services: {len(found)} of {len(policies)}", err=True)
    return [one for name in policies for one in found[name]]


async def _policies(
    settings: "Settings", plan: str | None, alerts: "AlertPolicy | None", asked: list[str]
) -> "dict[str, Policy]":
    """Return by what each service is decided again. Raises Broken when one is not known, and when nothing is tried."""
    from controller.backtest.policy import Policy
    from controller.cli.stored import opened
    from controller.core.errors import Broken
    from controller.core.named import find_plan
    from controller.journal import views

    if plan is None and alerts is None:
        raise Broken("nothing is tried: name a plan with --plan, or a file with --alerts")
    async with opened(settings) as store:
        stands = {one.service: one for one in await views.services(store)}
    for name in asked:
        if name not in stands:
            known = ", ".join(stands) or "none"
            raise Broken(f"nothing was ever recorded for a service {name}; known services: {known}")
    chosen: dict[str, Plan | None] = {}
    for name in asked or stands:
        own = find_plan(stands[name].state.plans, plan) if plan is not None else None
        chosen[name] = own.plan if own else None
    if plan is not None and None in chosen.values():
        common = _plan_called(plan, [name for name, own in chosen.items() if own is None], len(chosen))
        chosen = {name: own or common for name, own in chosen.items()}
    return {name: Policy(own, alerts) for name, own in chosen.items()}


def _plan_called(plan: str, without: list[str], services: int) -> "Plan":
    from controller.cli.plans import plan_called
    from controller.core.errors import Broken

    try:
        return plan_called(plan)
    except Broken as error:
        if len(without) == services:
            raise
        lack = ", ".join(without)
        raise Broken(f"{lack} has no plan called {plan}; name services that have, with --service") from error


def _alerts(file: Path | None) -> "AlertPolicy | None":
    from controller.core.errors import Broken, Malformed
    from controller.wire.written import alerts_from

    if file is None:
        return None
    try:
        return alerts_from(file.read_bytes())
    except Malformed as error:
        raise Malformed(f"{file}: {error}") from None
    except OSError as error:
        raise Broken(f"{file} cannot be read: {error.strerror}") from error


def _since(text: str | None) -> int:
    from controller.backtest.recorded import NEVER
    from controller.wire.moments import time_ms

    return NEVER if text is None else time_ms("--since", text)


def _name(plan: str | None, alerts: Path | None, policies: "dict[str, Policy]") -> str:
    """Say what is tried, as a column's head says it."""
    named = next((policy.plan.name for policy in policies.values() if policy.plan), plan or "")
    with_alerts = f"alerts of {alerts.name}" if alerts else ""
    return " with ".join(part for part in (named, with_alerts) if part)
