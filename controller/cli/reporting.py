"""`segue report`: how often, how soon, how many failed, how fast they were gone, and whom they reached; by month."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from controller.cli.answers import AsJson, check_chart, save, tell_json, tell_table
from controller.cli.here import settings_here
from controller.core.errors import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.journal.monthly import Report, Sums

_COLUMNS: Final = (
    "month",
    "service",
    "promoted",
    "lead time",
    "changes",
    "failed",
    "rate",
    "restored in",
    "met by requests",
    "for",
    "false alarms",
    "running",
)


def report(
    service: Annotated[str | None, typer.Option(help="Only this service, such as hibari.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time on, in ISO 8601 with its zone.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to this time.")] = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it as well, into this .svg file.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Show by service and month: promotions, lead time, change failure rate, time to restore, exposure, false alarms.

    Months are those of UTC. docs/report.md says what each figure means.

    Example: segue report --service hibari --since 2026-01-01T00:00:00Z --chart report.svg
    """
    from controller.wire.moments import time_ms

    check_chart(chart)
    since_ms = None if since is None else time_ms("--since", since)
    until_ms = None if until is None else time_ms("--until", until)
    found = asyncio.run(_read(service, since_ms, until_ms))
    if chart is not None:
        _draw(found, chart)
    if as_json:
        tell_json(found.told())
    else:
        tell_table(_COLUMNS, _rows(found), none="no rollouts")


async def _read(service: str | None, since_ms: int | None, until_ms: int | None) -> "Report":
    from controller.cli.stored import opened
    from controller.journal import monthly, views

    async with opened(settings_here()) as store:
        if service is not None and await views.service(store, service) is None:
            known = ", ".join(one.service for one in await views.services(store)) or "none"
            raise Broken(f"nothing was ever recorded for a service {service}; known services: {known}")
        return await monthly.report(store, service, since_ms, until_ms)


def _draw(found: "Report", file: Path) -> None:
    from controller.cli.charted import chart

    if not found.by_month:
        raise Broken(f"there are no such rollouts, so there is nothing to draw into {file}")
    save(file, chart(found))


def _rows(found: "Report") -> "Iterator[tuple[str, ...]]":
    for (service, month), sums in found.by_service.items():
        yield (month, service, *_cells(sums))
    if len({service for service, _ in found.by_service}) > 1:
        for month, sums in found.by_month.items():
            yield (month, "all", *_cells(sums))
    if len(found.by_month) > 1:
        yield ("all", "all", *_cells(found.total))


def _cells(sums: "Sums") -> tuple[str, ...]:
    rate = sums.change_failure_rate
    return (
        str(sums.deployments),
        _time(sums.lead_time_s),
        str(sums.changes),
        str(sums.failed),
        "-" if rate is None else f"{100 * rate:.1f} %",
        _time(sums.time_to_restore_s),
        str(sums.exposed_requests),
        _time(sums.exposed_s),
        str(sums.false_alarms),
        str(sums.running),
    )


def _time(seconds: float | None) -> str:
    from controller.cli.picture import clock

    if seconds is None:
        return "-"
    return f"{seconds:g} s" if seconds < 60 else clock(round(seconds * 1000))
