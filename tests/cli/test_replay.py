"""Folding the journal again gives what is live; a damaged copy is named, never folded over."""

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from controller.core.errors import Broken, Unavailable
from controller.core.events import (
    AnyEvent,
    RolloutAborted,
    RolloutStarted,
    StepStarted,
    Trigger,
    WindowMeasured,
)
from controller.core.evidence.window import ArmCounts, Window
from controller.core.plan import WATCHED, Plan
from controller.core.stream import Fact, begin, fold
from controller.parts.ports import LOOPBACK, free_port
from controller.replay import Until, replay_kafka
from controller.wire.codec import GENESIS_HASH, fact_from_message, fact_hash, fact_message
from tests.cli.conftest import Deciding
from tests.cli.copies import published
from tests.spec import SAID, SERVICE, installed, release


def messages(events: Sequence[AnyEvent] = installed()) -> list[bytes]:
    """A stream's facts as the relay publishes them."""
    hash, made = GENESIS_HASH, []
    for position, event in enumerate(events, start=1):
        fact = Fact(SERVICE, position, 1000 + position, f"message {position}", event)
        previous, hash = hash, fact_hash(hash, fact)
        made.append(fact_message(fact, hash, previous))
    return made


async def test_doubles_are_dropped(deciding: Deciding) -> None:
    """A relay that crashed publishes some facts again; the state is the same."""
    facts = messages()
    prefix = published(deciding, SERVICE, [facts[0], facts[1], facts[0], facts[1], facts[2]])
    expected = fold(begin(SERVICE), [fact_from_message(one)[0] for one in facts]).state
    replayed = await replay_kafka(deciding.tree.kafka, prefix)
    assert replayed[SERVICE].state == expected
    assert replayed[SERVICE].position == len(facts)


async def test_a_replay_may_end_early(deciding: Deciding) -> None:
    """At a position or at a time it gives what was so then, though all that follows is checked as well."""
    facts = messages()
    prefix = published(deciding, SERVICE, facts)
    for until in (Until(position=2), Until(at_ms=1002)):
        replayed = await replay_kafka(deciding.tree.kafka, prefix, SERVICE, until)
        assert replayed[SERVICE] == fold(begin(SERVICE), [fact_from_message(one)[0] for one in facts[:2]])
    assert await replay_kafka(deciding.tree.kafka, prefix, SERVICE, Until(at_ms=1000)) == {}
    assert await replay_kafka(deciding.tree.kafka, prefix, "another") == {}


async def test_what_was_measured_counts_as_long_as_its_rollout_runs(deciding: Deciding) -> None:
    """A topic read twice gives the state that folding every window gives, in the middle of a rollout and after it."""
    old, new = release("1.4.0"), release("1.5.0")
    started = RolloutStarted(**SAID, release=new, from_release=old, plan=Plan(gates=WATCHED), ready_by_ms=1)
    step = StepStarted(**SAID, step=0, weight_bp=500, due_ms=60_000)
    window = WindowMeasured(**SAID, window=Window(1_000, 11_000, ArmCounts(100, 1, 20, 1), ArmCounts(500, 1, 100, 1)))
    later = replace(window, window=replace(window.window, start_ms=11_000, end_ms=21_000))
    aborted = RolloutAborted(**SAID, release=new, trigger=Trigger.ORDER, back_to=old, weight_bp=500)
    facts = messages([*installed(), started, step, window, later, aborted, started, step, window])
    prefix = published(deciding, SERVICE, [*facts, facts[-3]])
    for position in range(len(facts) - 5, len(facts) + 1):
        replayed = await replay_kafka(deciding.tree.kafka, prefix, until=Until(position=position))
        assert replayed[SERVICE] == fold(begin(SERVICE), [fact_from_message(one)[0] for one in facts[:position]])


async def test_an_empty_journal_has_no_services(deciding: Deciding) -> None:
    """Nothing recorded, nothing replayed, and no waiting for it."""
    since = time.monotonic()
    assert await replay_kafka(deciding.tree.kafka, published(deciding, SERVICE, [])) == {}
    assert time.monotonic() - since < 30


async def test_a_gap_is_named(deciding: Deciding) -> None:
    """A missing fact is told by its position."""
    facts = messages()
    prefix = published(deciding, SERVICE, [facts[0], facts[2]])
    with pytest.raises(Broken, match=f"position 2 of {SERVICE} is missing, and 3 is there"):
        await replay_kafka(deciding.tree.kafka, prefix)


async def test_a_changed_fact_is_named(deciding: Deciding) -> None:
    """A fact whose content does not have its hash is told, with what to do."""
    facts = messages()
    prefix = published(deciding, SERVICE, [facts[0].replace(b"a test says so", b"nobody says so")])
    with pytest.raises(Broken, match=rf"hash of {SERVICE}/1.*segue db verify"):
        await replay_kafka(deciding.tree.kafka, prefix)


async def test_a_message_that_pretends_to_end_a_rollout_is_named(deciding: Deciding) -> None:
    """What a message is called around its fact is in no hash; nothing is passed over because of it."""
    facts = messages()
    pretending = facts[2].replace(b'"type":"io.segue.fact.route-set"}', b'"type":"io.segue.fact.rollout-aborted"}')
    assert pretending != facts[2]
    prefix = published(deciding, SERVICE, [*facts[:2], pretending])
    with pytest.raises(Broken, match=f"fact {SERVICE}/3 was said to begin or end a rollout, and is RouteSet"):
        await replay_kafka(deciding.tree.kafka, prefix)


async def test_two_facts_in_one_place_are_named(deciding: Deciding) -> None:
    """A second history that branches off is not taken for a double."""
    first, *_ = installed()
    branch = messages([replace(first, reason="somebody else says so")])
    prefix = published(deciding, SERVICE, [messages()[0], branch[0]])
    with pytest.raises(Broken, match=f"position 1 of {SERVICE} occurs twice"):
        await replay_kafka(deciding.tree.kafka, prefix)


async def test_a_broken_chain_is_named(deciding: Deciding) -> None:
    """A fact of another history does not follow this one's."""
    first, second, *_ = installed()
    branch = messages([replace(first, reason="somebody else says so"), second])
    prefix = published(deciding, SERVICE, [messages()[0], branch[1]])
    with pytest.raises(Broken, match=f"position 2 of {SERVICE} does not follow"):
        await replay_kafka(deciding.tree.kafka, prefix)


async def test_a_journal_that_is_not_there_is_told(deciding: Deciding) -> None:
    """Without the topic, or without Kafka, the sentence says what to do."""
    with pytest.raises(Broken, match="segue topics"):
        await replay_kafka(deciding.tree.kafka, "nobody.")
    with pytest.raises(Unavailable, match="see whether it runs there"):
        await replay_kafka(f"{LOOPBACK}:{free_port()}")


def test_kafka_and_sql_agree(deciding: Deciding) -> None:
    """Both replays of a living Segue give the same hashes, and those of the live read tables."""
    segue = deciding.segue
    segue.json("rollout", "start", "agreed", "--release", "1.0.0", "--reason", "a test says so")
    kafka, sql = (segue.json("replay", "--from", source, "--check") for source in ("kafka", "sql"))
    assert kafka["services"]["agreed"] == sql["services"]["agreed"]
    assert kafka["differing"] == sql["differing"] == {}
    for source in ("kafka", "sql"):
        by_two = segue.json("replay", "--from", source, "--jobs", "2", "--check")
        assert by_two["services"]["agreed"] == sql["services"]["agreed"]
        assert by_two["differing"] == {}
    assert "agreed" in segue("replay").out
    assert "the facts in Kafka give exactly what is live" in segue("replay", "--from", "kafka", "--check").out


def test_what_was_so_then_is_asked_by_position_or_time(deciding: Deciding) -> None:
    """One service's replay may end early, the same from either source; what cannot be meant is refused."""
    segue = deciding.segue
    segue.json("rollout", "start", "early", "--release", "1.0.0", "--reason", "a test says so")
    early = ("--service", "early", "--until", "1")
    one, other = (segue.json("replay", "--from", source, *early)["services"] for source in ("kafka", "sql"))
    assert one == other
    assert (list(one), one["early"]["position"]) == (["early"], 1)
    assert segue.json("replay", "--until", "2020-01-01T00:00:00Z")["services"] == {}
    for arguments, said in (
        (("--until", "1"), "add --service"),
        (("--until", "yesterday"), "such as 2026-03-01T03:00:00Z"),
        (("--until", "2020-01-01T00:00:00"), "a time with its zone"),
        (("--until", "2020-01-01T00:00:00Z", "--check"), "not of that time"),
    ):
        refused = segue("replay", *arguments)
        assert refused.code == 2
        assert said in refused.err
    missing = segue("replay", "--service", "nobody")
    assert missing.code == 1
    assert "nothing was recorded for a service nobody" in missing.err


def test_what_was_decided_is_decided_again(deciding: Deciding) -> None:
    """Today's code comes to the same facts by the same messages."""
    segue = deciding.segue
    segue.json("rollout", "start", "again", "--release", "1.0.0", "--reason", "a test says so")
    (again,) = segue.json("replay", "--decide", "--service", "again")["services"]
    assert again["messages"] >= 1
    assert again["facts"] >= again["messages"]
    assert again["otherwise"] == []
    assert "again" in segue("replay", "--decide").out
