"""`segue replay`: fold the journal again, from Kafka or from SQL, or decide it again, and say what comes out."""

import asyncio
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import FAILED, AsJson, tell_json, tell_table
from controller.cli.here import kafka_here, settings_here
from controller.cli.plain import say
from controller.cli.progress import Progress, shown
from controller.core.errors import Broken, Malformed

if TYPE_CHECKING:
    from controller.core.stream import History
    from controller.redecide import Redecided
    from controller.replay import Until
    from controller.wire.difference import Difference

_TRIES, _PAUSE_S = 5, 0.3


class Source(StrEnum):
    """Where the facts are read from."""

    KAFKA = "kafka"
    SQL = "sql"


def replay(
    source: Annotated[Source, typer.Option("--from", help="Read the facts from here.")] = Source.SQL,
    service: Annotated[str | None, typer.Option(help="Only this service; all of them when left out.")] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="POSITION|TIME", help="No further than this fact of --service, or this time in ISO 8601."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the live read tables; 1 if they differ.")
    ] = False,
    decide: Annotated[
        bool, typer.Option("--decide", help="Decide the recorded messages again; 1 if something follows otherwise.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="How many processes share the services; a core each when left out and there is much."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Fold every fact again and tell the SHA-256 of each service's state and routing table, as canonical JSON.

    Kafka and SQL must give the same. The hash chain is checked on the way. With --decide, the messages in the inbox are
    decided again by this version of Segue, and each fact is compared with the one on record, field by field.

    Example: segue replay --from kafka --service hibari --check
    """
    if until is not None and (check or decide):
        raise Malformed("--until goes neither with --check nor with --decide: what is live is not of that time")
    if decide:
        _tell_decided(asyncio.run(_decide(service)), as_json=as_json)
    else:
        _tell_replayed(source, *asyncio.run(_replay(source, service, until, jobs, check)), check=check, as_json=as_json)


def _tell_replayed(
    source: Source,
    histories: "dict[str, History]",
    wrong: "dict[str, Difference]",
    *,
    check: bool,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from controller.replay import fingerprint

    prints = {name: fingerprint(history) for name, history in sorted(histories.items())}
    if as_json:
        differing = {name: asdict(one) for name, one in wrong.items()}
        tell_json({"services": {name: asdict(one) for name, one in prints.items()}, "differing": differing})
    else:
        tell_table(
            ("service", "facts", "state", "table"),
            [(name, one.position, one.state_sha256, one.table_sha256) for name, one in prints.items()],
            none="nothing is recorded yet",
        )
        if check and prints and not wrong:
            say(f"the facts in {'Kafka' if source is Source.KAFKA else 'SQL'} give exactly what is live")
        for name, one in wrong.items():
            say(
                f"{name} is not what its facts amount to: {one.path} is {one.one}, by its facts {one.other}; make the "
                "read tables anew with `segue rebuild`"
            )
    if wrong:
        raise typer.Exit(FAILED)


def _tell_decided(again: "list[Redecided]", *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        tell_json({"services": [asdict(one) for one in again]})
    else:
        tell_table(
            ("service", "messages", "facts", "otherwise"),
            [(one.service, one.messages, one.facts, len(one.otherwise)) for one in again],
            none="nothing is recorded yet",
        )
        for one in (found for service in again for found in service.otherwise):
            where = f"{one.fact}: {one.difference.path}" if one.fact else one.difference.path
            say(f"{one.message}: {where} is {one.difference.one} on record and would be {one.difference.other}")
    if any(one.otherwise for one in again):
        raise typer.Exit(FAILED)


async def _decide(service: str | None) -> "list[Redecided]":
    from controller.cli.stored import opened
    from controller.journal import views
    from controller.redecide import redecide

    again: list[Redecided] = []
    async with opened(settings_here()) as store:
        names = [service] if service else [one.service for one in await views.services(store)]
        with shown() as progress:
            for name in names:
                before = sum(one.messages for one in again)
                told = partial(_more, progress, before)
                again.append(await redecide(store, name, told))
    return again


def _more(progress: Progress, before: int, number: int) -> None:
    progress("messages", before + number)


async def _replay(
    source: Source, service: str | None, until: str | None, jobs: int | None, check: bool
) -> "tuple[dict[str, History], dict[str, Difference]]":
    from controller.cli.stored import opened
    from controller.replay import differing, replay_kafka, replay_sql
    from controller.replays import all_from_kafka, all_from_sql

    settings = kafka_here() if source is Source.KAFKA else settings_here()
    end = _until(until, service)

    async def from_kafka(progress: Progress) -> "dict[str, History]":
        kafka, prefix, told = settings.brokers, settings.topic_prefix, partial(progress, "records")
        if service is not None:
            return await replay_kafka(kafka, prefix, service, end, told=told)
        return await all_from_kafka(kafka, prefix, end, jobs, told)

    with shown() as progress:
        if source is Source.KAFKA and not check:
            return _known(service, await from_kafka(progress)), {}
        async with opened(settings) as store:
            for attempt in range(_TRIES):
                if attempt:
                    # While services live, one of the two readings may be a fact ahead of the other.
                    await asyncio.sleep(_PAUSE_S)
                if source is Source.KAFKA:
                    histories = await from_kafka(progress)
                elif service is not None:
                    histories = await replay_sql(store, service, end, partial(progress, "facts"))
                else:
                    histories = await all_from_sql(store, settings.database, end, jobs, partial(progress, "facts"))
                wrong = await differing(store, histories, service) if check else {}
                if not wrong:
                    break
    return _known(service, histories), wrong


def _until(text: str | None, service: str | None) -> "Until":
    from controller.cli.amounts import position
    from controller.replay import EVERYTHING, Until
    from controller.wire.moments import time_ms

    if text is None:
        return EVERYTHING
    if not text.isdecimal():
        return Until(at_ms=time_ms("--until", text))
    if service is None:
        raise Malformed(f"--until {text} is a position, and a position is one service's: add --service")
    if (place := position(text)) is None:
        raise Malformed(f"--until is {text[:80]!r}; allowed: a fact's position, such as 40, or a time")
    return Until(position=place)


def _known(service: str | None, histories: "dict[str, History]") -> "dict[str, History]":
    if service and not histories:
        raise Broken(f"nothing was recorded for a service {service}, at least not by then; `segue replay` lists all")
    return histories
