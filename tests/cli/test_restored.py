"""What `segue restore` says when it is done; whatever somebody has to look at ends with 1."""

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from controller.handle import handle
from controller.journal import Store
from controller.outside.kafka import publish
from controller.outside.published import received
from controller.outside.signing import make_key, read_signer
from controller.parts.ports import LOOPBACK, free_port
from controller.wire.checkpoint import checkpoint_message
from controller.wire.codec import fact_from_message, fact_hash, fact_message
from controller.wire.inbound import Received, read
from controller.wire.topics import INBOUND, Topic, topic_name
from tests.cli.conftest import Deciding
from tests.cli.copies import published
from tests.cli.segue import Segue, segue_in
from tests.cli.test_verify import Facts, decided
from tests.journal.messages import SERVICE, alert, installed, rolling
from tests.journal.sight import outgoing

HASH = "0" * 64


def emptied(folder: Path, deciding: Deciding, prefix: str, **more: str) -> Segue:
    """Return the command where the database is empty and Kafka has what was published."""
    segue = segue_in(folder, SEGUE_KAFKA=deciding.tree.kafka, SEGUE_TOPIC_PREFIX=prefix, **more)
    assert segue("db", "upgrade").code == 0
    return segue


def put(deciding: Deciding, prefix: str, topic: Topic, *values: bytes) -> None:
    """Publish something of the service's."""
    for value in values:
        publish(deciding.tree.kafka, topic_name(topic, prefix), SERVICE, value)


async def taken_back(deciding: Deciding, lost: Store) -> tuple[str, Facts, bytes]:
    """Let an alert take a candidate back; return the prefix of the messages, the facts, and the last table."""
    kafka, prefix, came = deciding.tree.kafka, published(deciding, SERVICE, []), list[Received]()
    for one in (*installed(), *rolling(), alert("1.5.0")):
        record = one.record
        assert record.value is not None
        publish(kafka, topic_name(record.topic, prefix), SERVICE, record.value, headers=record.headers)
    for topic in INBOUND:
        async with aclosing(received(kafka, prefix, topic)) as records:
            came += [record async for record in records]
    await handle(lost, [read(record) for record in sorted(came, key=lambda one: one.timestamp_ms)])
    told = [(topic, body) for topic, _, body in await outgoing(lost)]
    facts, tables = ([body for of, body in told if of == topic] for topic in (Topic.JOURNAL, Topic.TABLE))
    return prefix, facts, tables[-1]


async def test_what_was_added_and_what_was_left_out_is_told(deciding: Deciding, lost: Store, tmp_path: Path) -> None:
    """A fact that was decided and not published, checkpoints that contradict each other, and a record that is none."""
    prefix, facts, table = await taken_back(deciding, lost)
    put(deciding, prefix, Topic.JOURNAL, *facts[:-1])
    put(deciding, prefix, Topic.TABLE, table)
    make_key(tmp_path / "key.pem")
    said = read_signer(str(tmp_path / "key.pem")).sign(SERVICE, 1, HASH, 5_000)
    put(deciding, prefix, Topic.CHECKPOINTS, checkpoint_message(said), b"nobody's word")
    put(deciding, prefix, Topic.CHECKPOINTS, checkpoint_message(replace(said, hash="1" * 64)))
    done = emptied(tmp_path, deciding, prefix)("restore", "--from", "kafka")
    assert done.code == 0, done.err
    *lines, unreadable, undecided = done.out.splitlines()
    assert lines == [
        f"restored from Kafka; facts: {len(facts)}, services: 1, checkpoints: 1, messages in the inbox: 5, "
        "and 0 by name alone",
        "facts that were decided and not published yet, now left for the relay: 1",
        "checkpoints left out, as they contradict earlier ones of their key: 1",
    ]
    assert unreadable.startswith(
        "records left out, as they are no checkpoints, see `segue verify`: journal.checkpoints, partition "
    )
    assert 'offset 1: checkpoint, character 0 is "nobody\'s word"' in unreadable
    assert undecided == "messages that will be decided once services run again: 0"


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["told", "json"])
async def test_what_somebody_has_to_look_at_ends_with_1(
    deciding: Deciding, lost: Store, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Facts that are not what their message leads to, and a table that gateways have and no fact says."""
    prefix, facts, table = await taken_back(deciding, lost)
    *before, (matched, prev_hash, _) = (fact_from_message(one) for one in facts[:-3])
    other = replace(matched, event=replace(matched.event, reason="another"))
    changed = fact_message(other, fact_hash(prev_hash, other), prev_hash)
    put(deciding, prefix, Topic.JOURNAL, *facts[: len(before)], changed)
    put(deciding, prefix, Topic.TABLE, table)
    done = emptied(tmp_path, deciding, prefix)("restore", "--from", "kafka", *words)
    assert done.code == 1
    if not words:
        *_, look, ahead = done.out.splitlines()
        assert look.startswith(f"Look at {SERVICE}: the last facts there are not what their message leads to")
        assert ahead.startswith(f"Gateways have newer tables than the facts give of {SERVICE}, and keep them until")


async def test_only_trusted_words_count_where_keys_are_named(deciding: Deciding, lost: Store, tmp_path: Path) -> None:
    """Others are left out and told; a fact that is not what a trusted key signed ends it, and nothing is kept."""
    facts = await decided(lost)
    prefix = published(deciding, SERVICE, facts)
    make_key(tmp_path / "mine.pem"), make_key(tmp_path / "other.pem")
    mine, other = (read_signer(str(tmp_path / name)) for name in ("mine.pem", "other.pem"))
    keys = {"SEGUE_TRUSTED_KEYS": str(tmp_path / "mine.pem.pub")}
    put(deciding, prefix, Topic.CHECKPOINTS, checkpoint_message(other.sign(SERVICE, 99, HASH, 5_000)))
    done = emptied(tmp_path / "one", deciding, prefix, **keys)("restore", "--from", "kafka")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        f"restored from Kafka; facts: {len(facts)}, services: 1, checkpoints: 0, messages in the inbox: 0, "
        "and 4 by name alone",
        "checkpoints left out, as no trusted key signed them: 1",
        f"services whose last message Kafka has no more, and whose facts are taken as they are: {SERVICE}",
        "messages that will be decided once services run again: 0",
    ]
    put(deciding, prefix, Topic.CHECKPOINTS, checkpoint_message(mine.sign(SERVICE, 99, HASH, 6_000)))
    segue = emptied(tmp_path / "two", deciding, prefix, **keys)
    for _ in range(2):
        refused = segue("restore", "--from", "kafka")
        assert (refused.code, refused.out) == (1, "")
        assert f"fact 99 of {SERVICE} was signed with the hash {HASH} by the trusted key" in refused.err
        assert "and Kafka has no such fact" in refused.err


def test_tables_are_published_again_from_sql(deciding: Deciding, tmp_path: Path) -> None:
    """It says how many; a Kafka that is away may be asked again later, and another source is not understood."""
    segue = emptied(tmp_path, deciding, published(deciding, SERVICE, []))
    done = segue("restore", "--from", "sql")
    assert (done.code, done.out) == (0, "routing tables left for the relay to publish again: 0\n")
    assert segue.json("restore", "--from", "sql") == {"services": 0}
    away = Segue({**segue.env, "SEGUE_KAFKA": f"{LOOPBACK}:{free_port()}"})
    for source in ("kafka", "sql"):
        assert away("restore", "--from", source).code == 3
    assert segue("restore", "--from", "tape").code == 2
