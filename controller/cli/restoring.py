"""`segue restore`: what one store lost, made anew from the other."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from controller.cli.answers import AsJson, tell_json
from controller.cli.here import kafka_here, settings_here
from controller.cli.plain import say
from controller.cli.progress import Progress
from controller.cli.replaying import Source

if TYPE_CHECKING:
    from controller.restore import Restored
    from controller.settings import Settings

_MOST_TOLD: Final = 20


def restore(
    source: Annotated[Source, typer.Option("--from", help="The store that still has everything.")],
    as_json: AsJson = False,
) -> None:
    """
    Make anew what was lost: from Kafka an empty database, from SQL the topic routing.table.

    From Kafka: journal, read tables, timers, checkpoints and inbox, while no function decides. The Kafka that
    `segue up` keeps in its data folder is started for as long as that takes. From SQL: missing topics are created, and
    every service's routing table is published again, while services go on.

    Example: segue restore --from kafka
    """
    if source is Source.KAFKA:
        with _kafka() as settings:
            restored = asyncio.run(_database(settings))
        if as_json:
            tell_json(asdict(restored))
        else:
            _tell(restored)
        if restored.otherwise or restored.ahead:
            raise typer.Exit(1)
        return
    services = asyncio.run(_tables(kafka_here()))
    if as_json:
        tell_json({"services": services})
    else:
        say(f"routing tables left for the relay to publish again: {services}")


@contextmanager
def _kafka() -> Iterator["Settings"]:
    settings = settings_here()
    if settings.kafka or not (settings.data / "kafka").is_dir():
        yield kafka_here()
        return
    from controller.supervise.plan import Part
    from controller.supervise.tree import start_tree

    with start_tree(settings, parts=[Part.KAFKA], processes=[], free_ports=True) as tree:
        yield tree.settings


def _tell(restored: "Restored") -> None:
    say(
        f"restored from Kafka; facts: {restored.facts}, services: {restored.services}, checkpoints: "
        f"{restored.checkpoints}, messages in the inbox: {restored.messages}, and {restored.causes} by name alone"
    )
    if restored.completed:
        say(f"facts that were decided and not published yet, now left for the relay: {restored.completed}")
    if restored.contradicting:
        say(f"checkpoints left out, as they contradict earlier ones of their key: {restored.contradicting}")
    if restored.distrusted:
        say(f"checkpoints left out, as no trusted key signed them: {restored.distrusted}")
    if restored.unreadable:
        named = "; ".join(restored.unreadable[:_MOST_TOLD])
        more = restored.passed_over - min(_MOST_TOLD, len(restored.unreadable))
        named += f" and {more} more (--json names the first {len(restored.unreadable)})" if more else ""
        say(f"records left out, as they are no checkpoints, see `segue verify`: {named}")
    if restored.untold:
        named = _list(restored.untold)
        say(f"services whose last message Kafka has no more, and whose facts are taken as they are: {named}")
    if restored.presumed:
        say(f"messages that count as decided since a later fact of their service is there: {restored.presumed}")
    say(f"messages that will be decided once services run again: {restored.undecided}")
    if restored.otherwise:
        say(
            f"Look at {_list(restored.otherwise)}: the last facts there are not what their message leads to, so some "
            "may be missing. `segue replay --decide` names the difference; an order, such as `segue rollout rollback`, "
            "puts right where traffic goes."
        )
    if restored.ahead:
        say(
            f"Gateways have newer tables than the facts give of {_list(restored.ahead)}, and keep them until one of a "
            "later epoch comes. Start the services; once everything is decided, have the traffic set anew by an order, "
            "such as `segue rollout rollback`, until the table's epoch is above the one that gateways serve: see "
            "docs/disaster.md"
        )


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_TOLD
    return ", ".join(names[:_MOST_TOLD]) + (f" and {more} more (--json has all)" if more > 0 else "")


async def _database(settings: "Settings") -> "Restored":
    from controller.cli.stored import opened
    from controller.outside.signing import read_signer, read_trusted
    from controller.restore import restore as restore_all

    signer = read_signer(settings.signing_key) if settings.signing_key else None
    trusted = read_trusted(settings.trusted_keys, signer) or None  # who names no key takes any checkpoint, as `verify`
    progress = Progress()
    async with opened(settings) as store:
        try:
            return await restore_all(store, settings.brokers, settings.topic_prefix, progress, trusted)
        finally:
            progress.end()


async def _tables(settings: "Settings") -> int:
    from controller.cli.stored import opened
    from controller.outside.kafka import ensure_topics

    async with opened(settings) as store:
        await asyncio.to_thread(ensure_topics, settings.brokers, settings.topic_prefix)
        return await store.publish_tables()
