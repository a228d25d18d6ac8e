"""`segue db partitions`, `detach` and `attach`: the journal's months on PostgreSQL."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import AsJson, tell_json, tell_table
from controller.cli.here import settings_here
from controller.cli.plain import say

if TYPE_CHECKING:
    from controller.journal.detaching import Believes, Held
    from controller.settings import Settings

MONTH = Annotated[str, typer.Argument(metavar="MONTH", help="Year and month, such as 2026-01.")]


def partitions(as_json: AsJson = False) -> None:
    """
    List the months of the journal: facts, size, and whether trusted checkpoints close them.

    A month is closed when one vouches for the last fact of each of its services; then it can be detached.

    Example: segue db partitions
    """
    held = asyncio.run(_held())
    if as_json:
        tell_json(
            [
                {"month": one.month.name, "table": one.month.table, "facts": one.facts, "bytes": one.bytes}
                | {"over": one.over, "open": one.open}
                for one in held
            ]
        )
        return
    tell_table(
        ("month", "table", "facts", "MiB", "closed"),
        [(one.month.name, one.month.table, one.facts, f"{one.bytes / 2**20:.1f}", _closed(one)) for one in held],
        none="the journal in SQLite is one table",
    )


def detach(month: MONTH) -> None:
    """
    Take the oldest month out of the journal; its table stays in the database, for pg_dump.

    Refused while a rollout of its facts runs, or a service's last fact in it has no trusted checkpoint. Run it as the
    owner of the tables.

    Example: segue db detach 2026-01
    """
    taken = asyncio.run(_detach(month))
    say(f"{month} is detached; keep its table: pg_dump --table={taken} ... (`segue db attach {month}` brings it back)")


def attach(month: MONTH) -> None:
    """
    Bring a month back that was detached: the one before the oldest that is there.

    Example: segue db attach 2026-01
    """
    asyncio.run(_attach(month))
    say(f"{month} is part of the journal again; `segue verify` says whether it is what was written")


def _closed(one: "Held") -> str:
    if not one.over:
        return "not over"
    return f"no: {one.open} services have no checkpoint at its end" if one.open else "yes"


async def _held() -> "list[Held]":
    from controller.cli.stored import opened
    from controller.journal.detaching import held

    settings = settings_here()
    async with opened(settings) as store:
        return await held(store, _believes(settings))


async def _detach(month: str) -> str:
    from controller.cli.stored import opened
    from controller.journal.detaching import detach as taken_out

    settings = settings_here()
    async with opened(settings) as store:
        return (await taken_out(store, month, _believes(settings))).table


async def _attach(month: str) -> None:
    from controller.cli.stored import opened
    from controller.journal.detaching import attach as brought_back

    async with opened(settings_here()) as store:
        await brought_back(store, month)


def _believes(settings: "Settings") -> "Believes":
    from controller.outside.signing import distrusted, read_signer, read_trusted

    signer = read_signer(settings.signing_key) if settings.signing_key else None
    trusted = read_trusted(settings.trusted_keys, signer)
    return lambda one: not distrusted(one, trusted)
