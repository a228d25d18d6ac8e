"""`segue history`: what happened, to one service or to all, with who, when and why; or what was live at a moment."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from controller.cli.answers import AsJson, tell_json
from controller.cli.here import settings_here
from controller.cli.plain import say
from controller.core.errors import Broken, Malformed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from controller.journal import Store
    from controller.journal.facts import Recorded
    from controller.journal.search import Place, Search

_ROWS: Final = 1000


def history(
    service: Annotated[
        str | None,
        typer.Argument(help="The service, such as hibari; _unaddressed for messages of no service. None: all of them."),
    ] = None,
    rollout: Annotated[str | None, typer.Option(help="Only facts of this rollout, such as hibari-3.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this one said or did.")] = None,
    type: Annotated[
        list[str] | None, typer.Option(help="Only this kind of fact, such as RolloutAborted; may be given again.")
    ] = None,
    release: Annotated[str | None, typer.Option(help="Only facts that name the release of this version.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time on, in ISO 8601 with its zone.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to this time.")] = None,
    after: Annotated[
        str | None,
        typer.Option(metavar="FACT", help="Only what comes after this fact: its position, or its id, hibari/40."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="At most so many. 1000 unless said otherwise; all with --csv, --jsonl or --parquet.",
            show_default=False,
        ),
    ] = None,
    measurements: Annotated[
        bool, typer.Option("--measurements", help="Every window of measurements as well, one in a few seconds.")
    ] = False,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Instead: what the service served at this time, by whose word.")
    ] = None,
    as_json: AsJson = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="A JSON object a line, however many there are.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, however many there are.")] = False,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Into a new Parquet file, however many there are.")
    ] = None,
) -> None:
    """
    Show facts, oldest first: what moved, when, by whom, and why.

    Of several services they come in the order of time.

    Example: segue history hibari --type RolloutAborted --since 2026-03-01T00:00:00Z
    """
    from controller.journal.search import Search
    from controller.wire.moments import time_ms

    if as_json + as_jsonl + as_csv + (parquet is not None) > 1:
        raise Malformed("--json, --jsonl, --csv and --parquet are four ways to answer; choose one")
    search = Search(
        service=service,
        rollout=rollout,
        actor=actor,
        types=tuple(type or ()),
        release=release,
        since_ms=None if since is None else time_ms("--since", since),
        until_ms=None if until is None else time_ms("--until", until),
        measurements=measurements,
    )
    if at is None:
        asyncio.run(
            _tell_facts(search, after, limit, as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv, parquet=parquet)
        )
        return
    if service is None or search != Search(service=service) or after or limit or as_jsonl or as_csv or parquet:
        raise Malformed("--at asks what one service served at one moment: give it the service, and at most --json")
    asyncio.run(_tell_live(service, time_ms("--at", at), as_json=as_json))


async def _tell_facts(
    search: "Search",
    after: str | None,
    limit: int | None,
    *,
    as_json: bool,
    as_jsonl: bool,
    as_csv: bool,
    parquet: Path | None,
) -> None:
    from controller.cli import listed
    from controller.cli.columns import keep_parquet
    from controller.cli.stored import opened
    from controller.journal.search import found

    async with opened(settings_here()) as store:
        if search.service is not None:
            await _known(store, search.service)
        place = await _place(store, search.service, after)
        everything = as_jsonl or as_csv or parquet is not None
        facts = found(store, search, place, limit if limit or everything else _ROWS + 1)
        if not (limit or everything):
            facts = _first(facts, all_services=search.service is None)
        if as_json:
            await listed.tell_document(facts)
        elif as_jsonl:
            await listed.tell_lines(facts)
        elif as_csv:
            await listed.tell_csv(facts)
        elif parquet is not None:
            say(f"{parquet}: {await keep_parquet(facts, parquet)} facts")
        else:
            none = f"no facts after {after}" if after else "no such facts"
            await listed.tell_rows(facts, all_services=search.service is None, none=none)


async def _first(facts: "AsyncIterator[Recorded]", *, all_services: bool) -> "AsyncIterator[Recorded]":
    """Yield as many as are told where nothing is said, and tell people where the others begin."""
    number, last = 0, ""
    async for one in facts:
        if number == _ROWS:
            # Not among the answers: what reads them must not take it for one.
            on = f"`--after {last}` goes on, `--limit` asks for more"
            say(f"these are the first {_ROWS} facts; {on}", err=True)
            return
        number, last = number + 1, one.id if all_services else str(one.position)
        yield one


async def _tell_live(service: str, at_ms: int, *, as_json: bool) -> None:
    from controller.cli.lived import sentences
    from controller.cli.stored import opened
    from controller.journal.live import live_at
    from controller.log import iso

    if at_ms > time.time_ns() // 1_000_000:
        raise Malformed(
            f"--at is {iso(at_ms / 1000)}, which is still to come; `segue rollout status` tells what is live"
        )
    async with opened(settings_here()) as store:
        await _known(store, service)
        live = await live_at(store, service, at_ms)
    if live is None:
        raise Broken(
            f"{service} served nothing yet at {iso(at_ms / 1000)}; `segue history {service}` tells its beginning"
        )
    if as_json:
        tell_json(live.told())
        return
    for one in sentences(live):
        say(one)


async def _known(store: "Store", service: str) -> None:
    from controller.journal import views

    if await views.service(store, service) is None:
        raise Broken(f"nothing was ever recorded for a service {service}; `segue rollout start` begins its history")


async def _place(store: "Store", service: str | None, after: str | None) -> "Place":
    """Return the place of the fact that --after names; a position alone is one service's."""
    from controller.cli.amounts import position
    from controller.journal.search import START, fact_at, place_of

    if after is None:
        return START
    stream, _, number = after.rpartition("/")
    stream, place = stream or service or "", position(number)
    if place is None:
        raise Malformed(
            f"--after is {after[:80]!r}; allowed: a fact's position, such as 40, or its id, such as hibari/40"
        )
    if not stream:
        raise Malformed(
            f"--after {after} is a position, and a position is one service's: name it, as in hibari/{after}"
        )
    if service is not None:
        return _in_stream(service, stream, place)
    fact = await fact_at(store, stream, place)
    if fact is None:
        raise Broken(f"there is no fact {after}; `segue history` tells those that there are")
    return place_of(fact)


def _in_stream(service: str, stream: str, position: int) -> "Place":
    from controller.journal.search import Place

    if stream != service:
        raise Malformed(f"--after names a fact of {stream}, and only those of {service} are asked for")
    return Place(0, service, position)
