"""`segue verify`: is the journal still what was written, in SQL and in Kafka?"""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from controller.cli.answers import FAILED, AsJson, tell_json
from controller.cli.here import kafka_here, settings_here

if TYPE_CHECKING:
    from controller.proof.look import Verified

_MOST_TOLD: Final = 20


def verify(
    sql: Annotated[bool, typer.Option("--sql", help="Only the journal in SQL; Kafka is not asked.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Check every fact in SQL and in Kafka, and that both are the same; 1 when a fact is not what was written.

    What was changed, removed, inserted, moved or cut off is named by copy and position. Signed checkpoints are believed
    when their key is SEGUE_SIGNING_KEY's, or stands in SEGUE_TRUSTED_KEYS.

    Example: segue verify
    """
    check(sql_only=sql, as_json=as_json)


def check(*, sql_only: bool, as_json: bool) -> None:
    """Verify, answer, and exit with 1 when something was found."""
    verified = asyncio.run(_verify(sql_only))
    if as_json:
        tell_json(asdict(verified))
    elif not verified.findings:
        where = "SQL" if sql_only else "SQL and in Kafka"
        typer.echo(
            f"every fact in {where} is what was written; facts: {verified.sql_facts}, services: {verified.streams}, "
            f"signed checkpoints: {verified.checkpoints}"
        )
    else:
        for one in verified.findings[:_MOST_TOLD]:
            typer.echo(f"{one.stream}/{one.position} in {one.copy} is {one.tampering}: {one.told}")
        if (more := len(verified.findings) - _MOST_TOLD) > 0:
            typer.echo(f"and {more} more; --json has all of them")
        typer.echo("Keep both copies as they are, and compare them with a backup: `segue verify` changes nothing.")
    if verified.findings:
        raise typer.Exit(FAILED)


async def _verify(sql_only: bool) -> "Verified":
    from controller.cli.stored import opened
    from controller.outside.signing import read_signer, read_trusted
    from controller.proof.look import verify as look

    settings = settings_here() if sql_only else kafka_here()
    signer = read_signer(settings.signing_key) if settings.signing_key else None
    # Who names no key wants no signatures checked; whoever names one distrusts every other.
    trusted = read_trusted(settings.trusted_keys, signer) or None
    async with opened(settings) as store:
        return await look(store, "" if sql_only else settings.kafka, settings.topic_prefix, trusted)
