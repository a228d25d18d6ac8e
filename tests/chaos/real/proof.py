"""What the record proves: nothing is lost, all is decided as it must be, no table went back, everybody was heard."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from controller.core.errors import Malformed
from controller.core.events import RolloutPromoted, RouteApplied, RouteSet, StepStarted
from controller.core.stream import Fact
from controller.journal import Store, open_store, views
from controller.journal.tables import inbox, outbox
from controller.outside.published import published, received
from controller.proof.look import verify
from controller.proof.rows import verify_rows
from controller.redecide import redecide
from controller.wire.codec import fact_from_message
from controller.wire.envelope import decode
from controller.wire.inbound import REJECTED_SOURCE, read, rejected
from controller.wire.topics import INBOUND, Topic
from tests.chaos.real.hands import Hands
from tests.chaos.real.load import Utterance
from tests.chaos.real.standing import applied_ms

_SETTLED_S: Final = 30.0

Unheard = Sequence[tuple[float, float]]
"""Spans of time, milliseconds since 1970, in which somebody may be left without audio."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and what is wrong with it: a sentence each, none when all is well."""

    inputs: int
    facts: int
    letters: int
    utterances: int
    applied: int
    lost: tuple[str, ...]
    wrong: tuple[str, ...]


async def prove(database: str, kafka: str, hands: Hands, spoken: Sequence[Utterance], unheard: Unheard) -> Proof:
    """Wait until everything published is decided, then look at all copies of everything."""
    store = await open_store(database)
    try:
        lost, inputs = await _lost(store, kafka, hands)
        facts = await _facts(kafka)
        letters = len(await _letters(kafka))
        wrong = [
            f"{one.stream}/{one.position} in {one.copy}: {one.tampering} {one.told}"
            for one in (await verify(store, kafka)).findings
        ]
        wrong += [f"row: {one}" for one in (await verify_rows(store, lambda _what, _number: None)).differing]
        for service in await views.services(store):
            again = await redecide(store, service.service)
            wrong += [f"decided otherwise: {one}" for one in again.otherwise]
    finally:
        await store.close()
    wrong += [*_went_back(facts, spoken), *_misled(facts, spoken), *_hasty(facts), *_unheard(spoken, unheard)]
    applied = sum(isinstance(fact.event, RouteApplied) for fact in facts)
    return Proof(inputs, len(facts), letters, len(spoken), applied, tuple(lost), tuple(wrong))


async def _lost(store: Store, kafka: str, hands: Hands) -> tuple[list[str], int]:
    """Return what was acknowledged and is neither decided nor a dead letter, and how much was published at all."""
    deadline = time.monotonic() + _SETTLED_S
    while True:
        asked, said = await _published_inputs(kafka)
        rows = await store.rows(select(inbox.c.source, inbox.c.id), {})
        decided = {(row.source, row.id) for row in rows}
        waiting = await store.rows(select(outbox.c.id).limit(1), {})
        missing = [
            f"{source} {id} was published and never decided" for source, id in asked if (source, id) not in decided
        ]
        if (not missing and not waiting) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    missing += [
        f"{topic} {word} was acknowledged and is not in Kafka" for topic, word in hands.taken if word not in said
    ]
    letters = await _letters(kafka)
    missing += [
        f"{id} was rejected and has no letter"
        for source, id in decided
        if source == REJECTED_SOURCE and id not in letters
    ]
    return missing, len(asked)


async def _published_inputs(kafka: str) -> tuple[set[tuple[str, str]], set[str]]:
    """Return source and id of every input in Kafka, and the words by which who sent one knows it again."""
    asked: set[tuple[str, str]] = set()
    words: set[str] = set()
    for topic in INBOUND:
        async with aclosing(received(kafka, "", topic)) as records:
            async for record in records:
                try:
                    one = read(record)
                    words.add(str(decode(record.value or b"", record.headers).data.get("fingerprint", one.id)))
                except Malformed as why:
                    one = rejected(record, why)
                    words.add((record.value or b"").decode(errors="replace"))
                asked.add((one.source, one.id))
    return asked, words


async def _letters(kafka: str) -> set[str]:
    async with aclosing(published(kafka, of=Topic.DEAD)) as records:
        return {decode(record.value, ()).id async for record in records}


async def _facts(kafka: str) -> list[Fact]:
    """Return every fact once, each stream in its order."""
    facts: dict[tuple[str, int], Fact] = {}
    async with aclosing(published(kafka)) as records:
        async for record in records:
            fact = fact_from_message(record.value)[0]
            facts.setdefault((fact.stream, fact.position), fact)
    return [facts[place] for place in sorted(facts)]


def _went_back(facts: Iterable[Fact], spoken: Sequence[Utterance]) -> list[str]:
    """Return where an epoch fell: in a stream, as a gateway applied it, or as users met it."""
    wrong = []
    set_last: dict[str, int] = {}
    applied: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact.event, RouteSet):
            if fact.event.epoch <= set_last.get(fact.stream, 0):
                wrong.append(f"{fact.stream}: epoch {fact.event.epoch} was set after {set_last[fact.stream]}")
            set_last[fact.stream] = fact.event.epoch
        elif isinstance(fact.event, RouteApplied):
            applied[fact.event.router, fact.stream].append((applied_ms(fact.event, fact.at_ms), fact.event.epoch))
    for (router, stream), times in applied.items():
        epochs = [epoch for _, epoch in sorted(times)]
        if epochs != sorted(epochs):
            wrong.append(f"{router} applied epochs of {stream} in the order {epochs}")
    for (gateway, service), said in _by_gateway(spoken).items():
        wrong += _after_what_was_known(
            f"{gateway} on {service}",
            [(one.ended_ms, one.epoch) for one in said],
            said,
        )
        wrong += _after_what_was_known(
            f"{gateway} on {service}",
            [(float(at_ms), epoch) for at_ms, epoch in applied[gateway, service]],
            said,
        )
    return wrong


def _after_what_was_known(where: str, known: list[tuple[float, int]], said: list[Utterance]) -> list[str]:
    """Return utterances that began after an epoch was known to be in use, and met an older one."""
    wrong, newest = [], 0
    steps = sorted(known)
    at = 0
    for one in sorted(said, key=lambda one: one.began_ms):
        while at < len(steps) and steps[at][0] < one.began_ms:
            newest = max(newest, steps[at][1])
            at += 1
        if one.epoch < newest:
            wrong.append(f"{where}: an utterance at {one.began_ms:.0f} met epoch {one.epoch} after {newest}")
    return wrong


def _misled(facts: Iterable[Fact], spoken: Sequence[Utterance]) -> list[str]:
    """Return utterances that began on a release to which the epoch they met gives nobody."""
    tables: dict[tuple[str, int], set[str]] = {
        (fact.stream, fact.event.epoch): {arm.release.version for arm in fact.event.arms if arm.weight_bp}
        for fact in facts
        if isinstance(fact.event, RouteSet)
    }
    return [
        f"{one.service}: {one.picked} was picked by epoch {one.epoch}, in which it has no weight"
        for one in spoken
        if one.picked and one.picked not in tables[one.service, one.epoch]
    ]


def _hasty(facts: Iterable[Fact]) -> list[str]:
    """Return steps that were left for the next one, or for all traffic, before their hold was over."""
    wrong, due_ms = [], dict[str, int]()
    for fact in facts:
        if isinstance(fact.event, StepStarted | RolloutPromoted):
            if fact.at_ms < due_ms.get(fact.event.rollout, 0):
                wrong.append(
                    f"{fact.stream}/{fact.position}: {due_ms[fact.event.rollout] - fact.at_ms} ms before it was due"
                )
            if isinstance(fact.event, StepStarted):
                due_ms[fact.event.rollout] = fact.event.due_ms
    return wrong


def _unheard(spoken: Iterable[Utterance], allowed: Unheard) -> list[str]:
    return [
        f"a user of {one.service} was left without audio at {one.began_ms:.0f}: {one.status} by {one.gateway}"
        for one in spoken
        if one.failed and not any(begin <= one.ended_ms and one.began_ms <= end for begin, end in allowed)
    ]


def _by_gateway(spoken: Iterable[Utterance]) -> Mapping[tuple[str, str], list[Utterance]]:
    by: dict[tuple[str, str], list[Utterance]] = defaultdict(list)
    for one in spoken:
        if one.epoch:
            by[one.gateway, one.service].append(one)
    return by
