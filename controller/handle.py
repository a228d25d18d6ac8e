"""
Messages in, facts out: one transaction for a whole batch, and the only place from where the journal is written.

Messages are looked up in the inbox first, so one that comes again is quiet, whatever happened between its commit and
its acknowledgement. Everything that follows from the batch is kept together or not at all: facts, heads, timers, read
tables, the inbox, the outbox.
"""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from controller.core.commands import RejectMessage
from controller.core.errors import Conflict, Unavailable
from controller.core.stream import Fact, react
from controller.journal import heads, inbox, outbox, reads, timers
from controller.journal.append import Link, append, chain
from controller.journal.heads import Folded, Head
from controller.journal.inbox import Decided, Key, key
from controller.journal.store import Store
from controller.journal.together import together
from controller.journal.wake import Bell
from controller.wire.inbound import Input, undecidable

_log = logging.getLogger(__name__)

_ATTEMPTS: Final = 8
_FIRST_PAUSE_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.25


class Outcome(StrEnum):
    """What became of one message."""

    DECIDED = "decided"
    QUIET = "quiet"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a batch. outcomes: one a message, in their order; facts: all new ones, in order."""

    outcomes: tuple[Outcome, ...] = ()
    facts: tuple[Fact, ...] = ()


async def handle(store: Store, inputs: Sequence[Input]) -> Handled:
    """
    Decide a batch of messages, each against all facts before it, and commit what follows.

    Returns only after the commit; the messages may then be acknowledged. Messages of one service are decided in their
    order. Raises Unavailable when the database is away or other writers were first again and again: nothing may be
    acknowledged then, and handling the same messages again is always safe, also when the commit's answer was lost.
    """
    if not inputs:
        return Handled()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return await _handle_once(store, inputs)
        except Unavailable:
            # Once more at once, for a pooled connection that broke while it was idle. Longer waits are the caller's.
            if attempt > 1:
                raise
        except Conflict as error:
            if attempt == _ATTEMPTS:
                raise Unavailable(f"{len(inputs)} messages were not decided in {attempt} attempts: {error}") from error
            await asyncio.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt)))  # noqa: S311  # spreads rivals apart, hides nothing
    raise AssertionError("the last attempt returns or raises")


async def _handle_once(store: Store, inputs: Sequence[Input]) -> Handled:
    clock = await store.clock()
    plan = await store.write(lambda connection: _decide_and_record(connection, store.folded, inputs, clock()))
    for bell in plan.bells:
        store.ring(bell)
    return Handled(tuple(plan.outcomes), tuple(link.fact for link in plan.links))


def _decide_and_record(connection: Connection, folded: Folded, inputs: Sequence[Input], now_ms: int) -> "_Plan":
    before = heads.lock(connection, {one.command.service for one in inputs}, folded)
    seen = inbox.seen(connection, inputs)
    plan = _decide(before, inputs, seen)
    while plan.undecidable:
        # Rare: our own mistake. The message becomes a dead letter, of which the inbox has to be asked as well.
        inputs = [plan.undecidable.get(key(one), one) for one in inputs]
        before |= heads.lock(connection, {one.command.service for one in inputs} - before.keys(), folded)
        seen |= inbox.seen(connection, plan.undecidable.values())
        plan = _decide(before, inputs, seen)
    with together(connection):
        append(connection, plan.links, now_ms)
        heads.save(connection, before, plan.after, folded)
        inbox.keep(connection, plan.decided, now_ms)
        if timers.save(connection, before, plan.after):
            plan.bells.append(Bell.TIMERS)
        reads.write(connection, plan.links)
        if outbox.put(connection, outbox.published(plan.links) + [outbox.letter(one) for one in plan.letters]):
            plan.bells.append(Bell.OUTBOX)
    return plan


@dataclass(slots=True)
class _Plan:
    """What a batch comes to before anything is written. undecidable: rejections in place of what raised, by its key."""

    after: dict[str, Head]
    outcomes: list[Outcome] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    letters: list[Input] = field(default_factory=list)
    undecidable: dict[Key, Input] = field(default_factory=dict)
    bells: list[Bell] = field(default_factory=list)


def _decide(before: Mapping[str, Head], inputs: Sequence[Input], seen: AbstractSet[Key]) -> _Plan:
    plan = _Plan(dict(before))
    known = set(seen)
    for one in inputs:
        if key(one) in known:
            plan.outcomes.append(Outcome.DUPLICATE)
            continue
        known.add(key(one))
        service = one.command.service
        head = plan.after[service]
        try:
            links, plan.after[service] = chain(head, react(head.history, one.command, one.id, one.sent_ms))
        except Exception as error:
            if isinstance(one.command, RejectMessage):
                raise
            _log.exception("message %s of %s could not be decided", one.id, service, extra={"service": service})
            plan.undecidable[key(one)] = undecidable(one.record, error)
            continue
        plan.links += links
        plan.decided.append(Decided(one, head.history.position, len(links)))
        if isinstance(one.command, RejectMessage):
            plan.letters.append(one)
            plan.outcomes.append(Outcome.REJECTED)
        else:
            plan.outcomes.append(Outcome.DECIDED if links else Outcome.QUIET)
    return plan
