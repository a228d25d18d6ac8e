"""`segue replay`: fold the journal again, from Kafka or from SQL, and say what comes out, in hashes."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import FAILED, AsJson, tell_json, tell_table
from controller.cli.here import kafka_here, settings_here

if TYPE_CHECKING:
    from controller.core.stream import History


_TRIES, _PAUSE_S = 5, 0.3


class Source(StrEnum):
    """Where the facts are read from."""

    KAFKA = "kafka"
    SQL = "sql"


def replay(
    source: Annotated[Source, typer.Option("--from", help="Read the facts from here.")] = Source.SQL,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the live read tables; 1 if they differ.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Fold every fact again and tell the SHA-256 of each service's state and routing table, as canonical JSON.

    Kafka and SQL must give the same. The hash chain is checked on the way.

    Example: segue replay --from kafka --check
    """
    from dataclasses import asdict

    from controller.replay import fingerprint

    histories, wrong = asyncio.run(_replay(source, check))
    prints = {name: fingerprint(history) for name, history in sorted(histories.items())}
    if as_json:
        tell_json({"services": {name: asdict(one) for name, one in prints.items()}, "differing": wrong})
    else:
        tell_table(
            ("service", "facts", "state", "table"),
            [(name, one.position, one.state_sha256, one.table_sha256) for name, one in prints.items()],
            none="nothing is recorded yet",
        )
        if check and prints and not wrong:
            typer.echo(f"the facts in {'Kafka' if source is Source.KAFKA else 'SQL'} give exactly what is live")
        for name in wrong:
            typer.echo(f"{name} is not what its facts amount to: make the read tables anew with `segue db rebuild`")
    if wrong:
        raise typer.Exit(FAILED)


async def _replay(source: Source, check: bool) -> "tuple[dict[str, History], list[str]]":
    from controller.cli.stored import opened
    from controller.replay import differing, replay_kafka, replay_sql

    settings = kafka_here() if source is Source.KAFKA else settings_here()
    if source is Source.KAFKA and not check:
        return await replay_kafka(settings.kafka, settings.topic_prefix), []
    async with opened(settings) as store:
        for attempt in range(_TRIES):
            if attempt:
                # While services live, one of the two readings may be a fact ahead of the other.
                await asyncio.sleep(_PAUSE_S)
            if source is Source.KAFKA:
                histories = await replay_kafka(settings.kafka, settings.topic_prefix)
            else:
                histories = await replay_sql(store)
            wrong = await differing(store, histories) if check else []
            if not wrong:
                break
    return histories, wrong
