"""Whatever is done to one copy of a stream is found, and the other copy tells what it was."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from controller.proof.chain import Chain, Copy, Tampering
from controller.proof.compare import compare
from controller.wire.codec import GENESIS_HASH, Written

TRIES = 200


def stream(chance: random.Random) -> list[Written]:
    """A stream as it was written."""
    facts: list[Written] = []
    for position in range(1, chance.randint(6, 40)):
        before = facts[-1].hash if facts else GENESIS_HASH
        body = f'{{"reason":"{chance.random()}"}}'
        facts.append(sealed(Written("hibari", position, 1000 + position, f"m{position}", "X", 1, body, before, "")))
    return facts


def sealed(fact: Written) -> Written:
    """Give a fact the hash of its content."""
    return replace(fact, hash=fact.content_hash)


def chain(copy: Copy, facts: Sequence[Written]) -> Chain:
    """Take facts as a copy gives them: SQL by position, Kafka as they were published."""
    taken = Chain(copy, "hibari", doubles=copy is Copy.KAFKA)
    for fact in sorted(facts, key=lambda fact: fact.position) if copy is Copy.SQL else facts:
        taken.take(fact)
    return taken


Done = tuple[list[Written], int]
"""The facts after a tampering, and the position at which it was done."""


def changed(facts: list[Written], chance: random.Random) -> Done:
    """Somebody changes what a fact says, its cause, its type or its time."""
    at = chance.randrange(len(facts))
    change = chance.choice(({"body": "{}"}, {"cause": "nobody"}, {"type": "Y"}, {"at_ms": 1}, {"schema": 2}))
    facts[at] = replace(facts[at], **change)
    return facts, at + 1


def changed_with_its_hash(facts: list[Written], chance: random.Random) -> Done:
    """Somebody changes a fact and makes its hash anew; the last one would need the service's row as well."""
    at = chance.randrange(len(facts) - 1)
    facts[at] = sealed(replace(facts[at], body="{}"))
    return facts, at + 1


def removed(facts: list[Written], chance: random.Random) -> Done:
    """Somebody takes a fact out."""
    at = chance.randrange(len(facts) - 1)
    del facts[at]
    return facts, at + 1


def removed_and_closed_up(facts: list[Written], chance: random.Random) -> Done:
    """Somebody takes a fact out and moves those after it down."""
    at = chance.randrange(len(facts) - 2)
    del facts[at]
    return [replace(fact, position=position) for position, fact in enumerate(facts, 1)], at + 1


def inserted(facts: list[Written], chance: random.Random) -> Done:
    """Somebody slips a fact in, with a hash of its own, and moves those after it up."""
    at = chance.randrange(1, len(facts))
    facts.insert(at, sealed(replace(facts[at], body='{"reason":"mine"}', cause="me")))
    return [replace(fact, position=position) for position, fact in enumerate(facts, 1)], at + 1


def moved(facts: list[Written], chance: random.Random) -> Done:
    """Somebody lets two facts change places."""
    at, to = sorted(chance.sample(range(len(facts)), 2))
    one, other = facts[at], facts[to]
    facts[at], facts[to] = replace(other, position=one.position), replace(one, position=other.position)
    return facts, at + 1


def cut_off(facts: list[Written], chance: random.Random) -> Done:
    """Somebody cuts the end off."""
    at = chance.randrange(len(facts))
    return facts[:at], at + 1


TAMPERINGS: dict[Callable[[list[Written], random.Random], Done], Tampering] = {
    changed: Tampering.CHANGED,
    changed_with_its_hash: Tampering.CHANGED,
    removed: Tampering.REMOVED,
    removed_and_closed_up: Tampering.REMOVED,
    inserted: Tampering.INSERTED,
    moved: Tampering.MOVED,
    cut_off: Tampering.CUT,
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: str(tamper.__name__))
@pytest.mark.parametrize("copy", [Copy.SQL, Copy.KAFKA])
def test_every_tampering_is_found_and_named(copy: Copy, tamper: Callable[[list[Written], random.Random], Done]) -> None:
    """Two hundred streams of each kind, in either copy: what was done, in which copy, at which fact."""
    for seed in range(TRIES):
        chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        whole = stream(chance)
        facts, position = tamper(list(whole), chance)
        published = len(whole) if copy is Copy.KAFKA else 0
        found = compare(
            chain(Copy.SQL, facts if copy is Copy.SQL else whole),
            chain(Copy.KAFKA, facts if copy is Copy.KAFKA else whole),
            published,
        )
        assert found, f"seed {seed}"
        first = found[0]
        assert (first.copy, first.tampering, first.position) == (copy, TAMPERINGS[tamper], position), f"seed {seed}"


def test_clean_copies_have_nothing_to_tell() -> None:
    """However much Kafka doubles, and however far it lags behind what was decided."""
    for seed in range(TRIES):
        chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        whole = stream(chance)
        published = chance.randint(0, len(whole))
        there = chance.randint(published, len(whole))
        again = chance.randint(0, there)
        doubled = [*whole[:there], *whole[again : chance.randint(again, there)]]
        assert compare(chain(Copy.SQL, whole), chain(Copy.KAFKA, doubled), published) == []


def test_a_second_fact_in_a_place_is_found_in_a_topic() -> None:
    """A topic cannot be changed, only added to: another fact for a place that is taken is no double."""
    for seed in range(TRIES):
        chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        whole = stream(chance)
        at = chance.randrange(len(whole))
        slipped = sealed(replace(whole[at], body="{}"))
        topic = list(whole)
        topic.insert(chance.randint(at + 1, len(topic)), slipped)
        found = compare(chain(Copy.SQL, whole), chain(Copy.KAFKA, topic), len(whole))
        assert [(one.copy, one.tampering, one.position) for one in found] == [
            (Copy.KAFKA, Tampering.INSERTED, at + 1)
        ], f"seed {seed}"


def test_facts_that_came_in_another_order_are_found_in_a_topic() -> None:
    """The relay publishes a stream in its order; records that stand otherwise were put there by somebody else."""
    for seed in range(TRIES):
        chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        whole = stream(chance)
        at = chance.randrange(len(whole) - 1)
        topic = list(whole)
        topic[at], topic[at + 1] = topic[at + 1], topic[at]
        found = compare(chain(Copy.SQL, whole), chain(Copy.KAFKA, topic), len(whole))
        assert {one.copy for one in found} == {Copy.KAFKA}, f"seed {seed}"
        assert Tampering.MOVED in {one.tampering for one in found}, f"seed {seed}"


def test_a_copy_that_was_made_anew_is_told_from_the_other() -> None:
    """Who makes a whole stream and its hashes anew leaves two copies that are sound and tell different stories."""
    for seed in range(TRIES):
        chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        whole = stream(chance)
        at = chance.randrange(len(whole))
        anew = whole[:at]
        for fact in whole[at:]:
            body = "{}" if fact.position == at + 1 else fact.body
            anew.append(sealed(replace(fact, body=body, prev_hash=anew[-1].hash if anew else GENESIS_HASH)))
        (found,) = compare(chain(Copy.SQL, anew), chain(Copy.KAFKA, whole), len(whole))
        assert (found.copy, found.tampering, found.position) == (Copy.EITHER, Tampering.CHANGED, at + 1)


def test_a_place_that_no_fact_can_have_is_named() -> None:
    """One record with an absurd position costs neither memory nor the rest of what is found."""
    chance = random.Random(1)  # noqa: S311  # repeatable on purpose
    whole = stream(chance)
    for position in (0, -1, 2**62):
        odd = sealed(replace(whole[0], position=position))
        for facts in ([odd, *whole], [*whole, odd]):
            found = compare(chain(Copy.SQL, whole), chain(Copy.KAFKA, facts), len(whole))
            assert [(one.copy, one.tampering, one.position) for one in found] == [
                (Copy.KAFKA, Tampering.INSERTED, position)
            ]


def test_a_loud_tampering_hides_no_quiet_one() -> None:
    """A changed fact is found beside two that changed places."""
    for seed in range(TRIES):
        chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        whole = stream(chance)
        while len(whole) < 8:
            whole = stream(chance)
        facts = list(whole)
        facts[1] = replace(facts[1], body="{}")
        at, to = len(facts) - 2, len(facts) - 1
        facts[at], facts[to] = replace(facts[to], position=at + 1), replace(facts[at], position=to + 1)
        found = compare(chain(Copy.SQL, facts), chain(Copy.KAFKA, whole), len(whole))
        named = {(one.tampering, one.position) for one in found}
        assert {(Tampering.CHANGED, 2), (Tampering.MOVED, at + 1)} <= named, f"seed {seed}"
