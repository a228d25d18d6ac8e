"""
What must hold when a run has come to rest: nothing lost, nothing decided twice, nothing diverged.

The run is compared with an undisturbed one: the same messages, in the order in which they were decided, one after
another by the core alone. Facts, hashes, states and routing tables must be the same byte for byte, in SQL, in Kafka,
and in the gateways.
"""

import json
from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.core.errors import Malformed
from controller.core.state import State, table, timers
from controller.core.stream import Fact, begin, react
from controller.journal.append import chain
from controller.journal.heads import Head
from controller.wire.codec import GENESIS_HASH, fact_message, state_json, table_json
from controller.wire.inbound import Input, Received, read, rejected, undecidable
from controller.wire.topics import Topic
from tests.simulation.laws import broken_laws
from tests.simulation.sql import engine

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(slots=True)
class Undisturbed:
    """What should have come of the messages. states: one after each fact; messages, tables: as they are published."""

    heads: dict[str, Head] = field(default_factory=dict)
    facts: dict[tuple[str, int], Fact] = field(default_factory=dict)
    hashes: dict[tuple[str, int], str] = field(default_factory=dict)
    messages: dict[tuple[str, int], bytes] = field(default_factory=dict)
    states: dict[tuple[str, int], State] = field(default_factory=dict)
    tables: dict[tuple[str, int], bytes] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)


def judge(world: "World") -> None:
    """Tell the world's watch of every promise that was broken."""
    say = world.watch.say
    for place, keys in world.watch.keys.items():
        if not keys & world.watch.decided:
            say("lost", f"{'/'.join(map(str, place))} was never decided")
    should = _undisturbed(say)
    if world.watch.hashes != should.hashes:
        wrong = sorted(
            key
            for key in world.watch.hashes.keys() | should.hashes.keys()
            if world.watch.hashes.get(key) != should.hashes.get(key)
        )
        say("diverged", f"facts {wrong[:3]} are not what an undisturbed run decides")
        return
    _rows_are(should, say)
    _published_is(world, should, say)
    for told in broken_laws(should.facts, should.states, should.inputs):
        say("diverged", told)


def _undisturbed(say: Any) -> Undisturbed:
    should = Undisturbed()
    with engine().connect() as connection:
        rows = connection.exec_driver_sql(
            'SELECT topic, partition, "offset", key, value, headers, sent_ms, source, id, position, facts '
            "FROM inbox ORDER BY number"
        ).all()
    for topic, partition, offset, key, value, headers, sent_ms, source, id, position, facts in rows:
        record = Received(Topic(topic), partition, offset, key, value, _headers(headers), sent_ms)
        input = _input(record)
        if input.source != source:
            input = undecidable(record, Malformed("as it was said to be"))
        service = input.command.service
        head = should.heads.get(service, Head(begin(service), GENESIS_HASH))
        if (head.history.position, input.id) != (position, id):
            say("diverged", f"{source} {id} was decided upon fact {position}, not {head.history.position}")
        new = react(head.history, input.command, input.id, input.sent_ms)
        links, head = chain(head, new)
        if len(links) != facts:
            say("diverged", f"{source} {id} led to {facts} facts, not {len(links)}")
        if id in should.inputs:
            say("twice", f"{source} {id} was decided twice")
        should.inputs[id] = input
        should.heads[service] = head
        for link in links:
            place = (service, link.fact.position)
            should.facts[place] = link.fact
            should.hashes[place] = link.hash
            should.messages[place] = fact_message(link.fact, link.hash, link.prev_hash)
            should.states[place] = link.state
            if link.state.epoch:
                should.tables[service, link.state.epoch] = table_json(table(link.state))
    return should


def _rows_are(should: Undisturbed, say: Any) -> None:
    with engine().connect() as connection:
        services = connection.exec_driver_sql("SELECT service, position, head_hash, state FROM services").all()
        waiting = connection.exec_driver_sql("SELECT stream, kind, epoch, due_ms FROM timers").all()
    are = {(service, position, hash, state) for service, position, hash, state in services}
    shall = {
        (service, head.history.position, head.hash, state_json(head.history.state).decode())
        for service, head in should.heads.items()
        if head.history.position
    }
    if are != shall:
        say("diverged", f"the states of {sorted({one[0] for one in are ^ shall})} are not what the facts give")
    wanted = {
        (service, timer.kind.value, timer.epoch, timer.due_ms)
        for service, head in should.heads.items()
        for timer in timers(head.history.state)
    }
    if wanted != {tuple(row) for row in waiting}:
        say("lost", f"timers are {[tuple(row) for row in waiting]}, not {sorted(wanted)}")


def _published_is(world: "World", should: Undisturbed, say: Any) -> None:
    told, newest, letters = set[tuple[str, int]](), dict[str, int](), set[str]()
    for (topic, _), log in world.broker.logs.items():
        for record in log.records:
            if topic == Topic.JOURNAL:
                data = json.loads(record.value or b"")["data"]
                place = data["service"], data["position"]
                told.add(place)
                if record.value != should.messages.get(place):
                    say("diverged", f"fact {place} was published otherwise than it was decided")
            elif topic == Topic.TABLE and record.value and record.headers:
                data = json.loads(record.value)
                newest[data["service"]] = data["epoch"]
                if record.value != should.tables.get((data["service"], data["epoch"])):
                    say("diverged", f"table {data['epoch']} of {data['service']} was published otherwise")
            elif topic == Topic.DEAD:
                letters.add(json.loads(record.value or b"")["id"])
    if missing := should.facts.keys() - told:
        say("lost", f"facts {sorted(missing)[:3]} were not published")
    epochs = {service: head.history.state.epoch for service, head in should.heads.items() if head.history.state.epoch}
    if newest != epochs:
        say("diverged", f"the topic ends with tables {newest}, not {epochs}")
    rejected_ids = {id for id, input in should.inputs.items() if type(input.command).__name__ == "RejectMessage"}
    if missing_letters := rejected_ids - letters:
        say("lost", f"{sorted(missing_letters)[:3]} are in no dead letter")
    for name, tables in world.tables.items():
        for service, epoch in epochs.items():
            known = tables.get(service)
            if known is None or table_json(known) != should.tables[service, epoch]:
                say("diverged", f"{name} routes {service} by another table than {epoch}")


def _input(record: Received) -> Input:
    try:
        return read(record)
    except Malformed as error:
        return rejected(record, error)


def _headers(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, b64decode(value)) for name, value in json.loads(text))
