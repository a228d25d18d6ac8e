"""
The last decision of each service made whole: its facts are published one by one, and the database may go in between.

Only the last one can be there in part, for a service's facts are published in their order. Its message is decided again
upon the facts before it; what it leads to beyond those that were published was decided, and only not told yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from controller.core.commands import RejectMessage
from controller.core.stream import react
from controller.journal import outbox
from controller.journal.append import Link, chain
from controller.journal.heads import Head
from controller.journal.restored_inbox import RestoredInbox
from controller.journal.restoring import Copied, Restoring
from controller.wire.codec import SCHEMA, Written
from controller.wire.inbound import Input


@dataclass(frozen=True, slots=True)
class Whole:
    """
    What is known of the last decisions, by service.

    completed: facts that were not published, and are there now. otherwise: services whose published facts are not what
    their message leads to today. untold: services whose message Kafka has no more.
    """

    completed: int = 0
    otherwise: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def make_whole(connection: Connection, journal: Restoring, inbox: RestoredInbox) -> Whole:
    """Add the facts that are missing from last decisions, and leave them for the relay; all messages must be taken."""
    completed, otherwise, untold = 0, [], []
    for service, before in sorted(journal.before.items()):
        led = inbox.last.get(service)
        if led is None or led.position != before.history.position:
            untold.append(service)
        elif not isinstance(led.input.command, RejectMessage):  # which leads to one fact, with a reason of that day
            links = _again(before, led.input)
            published = journal.heads[service].history.position - led.position
            if len(links) < published or links[published - 1].hash != journal.heads[service].hash:
                otherwise.append(service)
            elif missing := links[published:]:
                journal.take(connection, [_copied(link, led.decided_ms) for link in missing])
                inbox.make_whole(connection, service, len(links))
                outbox.put(connection, outbox.published(missing))
                completed += len(missing)
    return Whole(completed, tuple(otherwise), tuple(untold))


def _again(before: Head, input: Input) -> Sequence[Link]:
    try:
        return chain(before, react(before.history, input.command, input.id, input.sent_ms))[0]
    except Exception:  # over what was decided then, deciding fails today
        return ()


def _copied(link: Link, recorded_ms: int) -> Copied:
    fact = link.fact
    written = Written(
        stream=fact.stream,
        position=fact.position,
        at_ms=fact.at_ms,
        cause=fact.cause,
        type=link.type,
        schema=SCHEMA,
        body=link.body,
        prev_hash=link.prev_hash,
        hash=link.hash,
    )
    return Copied(fact, written, recorded_ms)
