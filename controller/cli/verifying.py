"""`segue verify`: is the journal still what was written, in SQL and in Kafka?"""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from controller.cli.answers import FAILED, AsJson, tell_json
from controller.cli.here import kafka_here, settings_here
from controller.cli.plain import say
from controller.cli.progress import Progress

if TYPE_CHECKING:
    from controller.proof.look import Verified
    from controller.proof.rows import RowsVerified

_MOST_TOLD: Final = 20


def verify(
    sql: Annotated[bool, typer.Option("--sql", help="Only the journal in SQL; Kafka is not asked.")] = False,
    tables: Annotated[bool, typer.Option("--tables", help="Also all rows that follow from the facts.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Check every fact in SQL and in Kafka, and that both are the same; 1 when a fact is not what was written.

    What was changed, removed, inserted, moved or cut off is named by copy and position. Signed checkpoints are believed
    when their key is SEGUE_SIGNING_KEY's, or stands in SEGUE_TRUSTED_KEYS. With --tables, which takes longer, the read
    tables are made a second time and compared; the first values that differ are named by table, row and column.

    Example: segue verify --tables
    """
    check(sql_only=sql, tables=tables, as_json=as_json)


def check(*, sql_only: bool, tables: bool = False, as_json: bool) -> None:
    """Verify, answer, and exit with 1 when something was found."""
    verified, rows = asyncio.run(_verify(sql_only, tables))
    if as_json:
        tell_json({**asdict(verified), **({"tables": asdict(rows)} if rows else {})})
    else:
        _tell_facts(verified, sql_only)
        if rows:
            _tell_rows(rows)
        elif tables:
            say("The tables were not compared: the journal in SQL is not what was written.")
    if verified.findings or (rows and rows.differing):
        raise typer.Exit(FAILED)


def _tell_facts(verified: "Verified", sql_only: bool) -> None:
    if not verified.findings:
        where = "SQL" if sql_only else "SQL and in Kafka"
        beside = f", in detached months: {verified.detached}" if verified.detached else ""
        say(
            f"every fact in {where} is what was written; facts: {verified.sql_facts}{beside}, "
            f"services: {verified.streams}, signed checkpoints: {verified.checkpoints}"
        )
        return
    for one in verified.findings[:_MOST_TOLD]:
        say(f"{one.stream}/{one.position} in {one.copy} is {one.tampering}: {one.told}")
    if (more := len(verified.findings) - _MOST_TOLD) > 0:
        say(f"and {more} more; --json has all of them")
    say("Keep both copies as they are, and compare them with a backup: `segue verify` changes nothing.")


def _tell_rows(rows: "RowsVerified") -> None:
    if not rows.differing:
        say("every row of the read tables, the timers and the inbox is what the facts give")
        return
    for one in rows.differing[:_MOST_TOLD]:
        is_, by_facts = ("nothing" if value is None else value for value in (one.is_, one.by_facts))
        where = f"{one.table}, {one.key}: {one.column}".rstrip(": ")
        say(f"{where} is {is_}, and by the facts {by_facts}")
    if (more := len(rows.differing) - _MOST_TOLD) > 0:
        say(f"and {more} more; --json has them")
    say("`segue rebuild` makes the read tables and timers anew; the inbox is compared with a backup.")


async def _verify(sql_only: bool, tables: bool) -> "tuple[Verified, RowsVerified | None]":
    from controller.cli.stored import opened
    from controller.outside.signing import read_signer, read_trusted
    from controller.proof.chain import Copy
    from controller.proof.look import verify as look
    from controller.proof.rows import verify_rows

    settings = settings_here() if sql_only else kafka_here()
    signer = read_signer(settings.signing_key) if settings.signing_key else None
    # Who names no key wants no signatures checked; whoever names one distrusts every other.
    trusted = read_trusted(settings.trusted_keys, signer) or None
    async with opened(settings) as store:
        verified = await look(store, "" if sql_only else settings.brokers, settings.topic_prefix, trusted)
        if not tables or any(one.copy is not Copy.KAFKA for one in verified.findings):
            return verified, None
        progress = Progress()
        try:
            return verified, await verify_rows(store, progress)
        finally:
            progress.end()
