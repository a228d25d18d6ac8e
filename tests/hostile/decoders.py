"""Everything that reads what others wrote, called as its process calls it, each with good messages to spoil."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Final

from controller.api.orders import ORDERS, order_data
from controller.core.errors import Malformed, SegueError
from controller.core.routing import pick
from controller.core.state import State, table
from controller.core.stream import History, react
from controller.gateway.caller import read_caller
from controller.gateway.problem import Problem
from controller.gateway.request import read_request
from controller.gateway.sentences import sentence_groups
from controller.journal.database import database
from controller.outside.signing import distrusted
from controller.settings import read_settings
from controller.wire.alertmanager import messages as alert_messages
from controller.wire.checkpoint import checkpoint_from_message, checkpoint_message
from controller.wire.codec import (
    GENESIS_HASH,
    SCHEMA,
    event_from,
    fact_from_message,
    fact_hash,
    fact_message,
    said,
    state_from,
    state_json,
    table_from,
    table_json,
    written_from_message,
)
from controller.wire.inbound import Input, Received, read, rejected
from controller.wire.messages import MESSAGES, MessageType, read_data
from controller.wire.outbound import Outgoing
from controller.wire.topics import Topic
from controller.wire.written import alerts_from, plan_from, plan_object
from tests.hostile.samples import (
    CHECKPOINT,
    ENVIRONMENT,
    EXAMPLE_PLAN,
    PLAN_IN_YAML,
    SECRET,
    SPEECH,
    USERS_TEXT,
    WEBHOOK,
)
from tests.hostile.spoil import spoiled
from tests.hostile.values import KEYS, TEXTS, YAML_BOMBS
from tests.wire.records import EXAMPLES, binary, received, structured
from tests.wire.values import GOLDEN, STATE

_MOST_KAFKA_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Decoder:
    """
    make: an input. read: returns a value, or raises `refuses`. sealed: texts that no reason may hold.

    examples: inputs that are tried besides, whatever is drawn.
    """

    name: str
    make: Callable[[Random], Any]
    read: Callable[[Any], object]
    refuses: type[SegueError] = Malformed
    sealed: tuple[str, ...] = ()


def _of(*samples: object, yaml: bool = False) -> Callable[[Random], bytes]:
    raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in samples]
    return partial(_spoiled, raw, yaml)


def _spoiled(samples: Sequence[bytes], yaml: bool, random: Random) -> bytes:
    if yaml and random.random() < 0.01:
        return random.choice(YAML_BOMBS)
    return spoiled(samples, random, yaml=yaml)


def _read_webhook(body: bytes) -> object:
    """Every alert goes to Kafka, and its reader either decides it or records it as rejected."""
    alerts = alert_messages(body, 1_772_530_000_000)
    # Of many one is like the other, and it is not the webhook that reads them.
    return [_read_alert(alert) for alert in alerts[:8]]


def _read_alert(alert: Outgoing) -> object:
    assert len(alert.value) + sum(len(value) for _, value in alert.headers) < _MOST_KAFKA_BYTES, "Kafka would refuse it"
    record = received(alert.topic, alert.value, alert.headers, alert.key)
    with suppress(Malformed):
        return _read_record(record)
    return None


def _read_record(record: Received) -> object:
    """What is read is decided, what is refused is recorded as that; either gives facts that can be published."""
    try:
        one = read(record)
    except Malformed as why:
        _published(rejected(record, why))
        raise
    return _published(one)


def _published(one: Input) -> list[bytes]:
    told = []
    for state in (State(one.command.service), replace(STATE, service=one.command.service)):
        for fact in react(History(state), one.command, one.id, one.sent_ms):
            told.append(fact_message(fact, fact_hash(GENESIS_HASH, fact), GENESIS_HASH))
            assert len(told[-1]) < _MOST_KAFKA_BYTES, "the fact is larger than Kafka takes"
    return told


def _structured(random: Random) -> Received:
    sample = structured(random.choice(_TYPES))
    value = spoiled([sample.value or b""], random)
    return received(random.choice([*[sample.topic] * 9, *Topic]), value, _headers(sample.headers, random))


def _binary(random: Random) -> Received:
    sample = binary(random.choice(_TYPES))
    value = spoiled([sample.value or b""], random) if random.random() < 0.6 else sample.value
    return received(
        sample.topic,
        value,
        _headers(sample.headers, random),
        random.choice((None, b"", b"hibari", b"\xff", b"x" * 999)),
    )


def _headers(good: Sequence[tuple[str, bytes]], random: Random) -> tuple[tuple[str, bytes], ...]:
    headers = list(good)
    for _ in range(random.choice((0, 0, 1, 2))):
        text = random.choice([text for text in TEXTS if isinstance(text, str)])
        value = random.choice((text.encode(), random.randbytes(8), b"", headers[0][1] if headers else b"1.0"))
        name = random.choice(
            (*(name for name, _ in headers), "ce_id", "CE_type", "Content-Type", "ce_", "segue-refused", *KEYS)
        )
        headers.insert(random.randrange(len(headers) + 1), (name, value))
    return tuple(headers)


def _order(random: Random) -> tuple[str, bytes]:
    order = random.choice(_ORDERED)
    return order, spoiled([json.dumps({"service": "hibari", **EXAMPLES[ORDERS[order]][1]}).encode()], random)


def _read_order(given: tuple[str, bytes]) -> object:
    order, body = given
    named = {"service": "hibari", "role": "voice-quality"} if order in ("approve", "reject") else {"service": "hibari"}
    return read_data(MESSAGES[Topic.ORDERED][ORDERS[order]], order_data(body, named), "segue/api")


def _read_request(body: bytes) -> object:
    return read_data(MESSAGES[Topic.REQUESTED][MessageType.REQUESTED], order_data(body, {}), "segue/api")


def _read_plan(text: bytes) -> object:
    with suppress(Malformed):
        alerts_from(text)
    return plan_from(plan_object(text))


def _read_fact(message: bytes) -> object:
    """As a replay reads it, and as `segue verify` does, which does not ask yet whether the hash is right."""
    written = written_from_message(message)
    assert len(written.content_hash) == 64
    return fact_from_message(message)


def _event(random: Random) -> tuple[str, bytes]:
    kind, body = random.choice(_EVENTS)
    return random.choice((kind, kind, kind, kind, kind, random.choice(_EVENTS)[0], "Unheard")), spoiled([body], random)


def _read_event(given: tuple[str, bytes]) -> object:
    kind, body = given
    text = body.decode(errors="replace")
    event = event_from(kind, SCHEMA, text)
    said(text)
    return event


def _read_table(message: bytes) -> object:
    """A table that is taken can be routed by, whoever asks."""
    routed = table_from(message)
    headers = {b"cookie": b"gray_test=true", b"x-segue-release": b"candidate", b"accept-language": b"de-AT,de;q=0.9"}
    for asked in ({}, headers):
        pick(routed, read_caller(asked, "ann", routed).asked)
    return routed


def _read_speech(body: bytes) -> object:
    """A text that is taken can be cut into what is spoken at once."""
    request = read_request(body)
    return sentence_groups(request.text)


def _read_checkpoint(message: bytes) -> object:
    checkpoint = checkpoint_from_message(message)
    return checkpoint.digest, distrusted(checkpoint, {})


def _environment(random: Random) -> Mapping[str, str]:
    environment = dict(ENVIRONMENT)
    for _ in range(random.choice((1, 1, 2, 3))):
        name = random.choice(list(environment))
        text = random.choice(_ENVIRONMENT_TEXTS)
        match random.randrange(5):
            case 0:
                environment.pop(name)
            case 1:
                environment[name] += text
            case 2:
                environment[name] = environment[name].replace(random.choice(":,/@"), text)
            case 3:
                environment[name] = _spoiled_text(environment[name], random)
            case _:
                environment[name] = text
    return environment


def _spoiled_text(text: str, random: Random) -> str:
    """Bytes may come by an environment, but for the one that ends a text there."""
    spoilt = spoiled([text.encode(errors="surrogateescape")], random, bombs=(b"x" * 9_000,))
    return spoilt.replace(b"\0", b"").decode(errors="surrogateescape")


def _read_environment(environment: Mapping[str, str]) -> object:
    settings = read_settings(environment)
    return database(settings.database), repr(settings)


_TYPES: Final = tuple(EXAMPLES)
_ORDERED: Final = tuple(ORDERS)
_EVENTS: Final = tuple(
    (said_["type"], json.dumps(said_["event"], ensure_ascii=False).encode())
    for path in sorted(GOLDEN.glob("*.json"))
    for said_ in [json.loads(path.read_bytes())["data"]]
)
_ENVIRONMENT_TEXTS: Final = tuple(text.replace("\0", "") for text in TEXTS if isinstance(text, str))

DECODERS: Final = (
    Decoder("webhook", _of(WEBHOOK), _read_webhook),
    Decoder("cloudevents structured", _structured, _read_record),
    Decoder("cloudevents binary", _binary, _read_record),
    Decoder(
        "rollout requests over HTTP",
        _of(
            {"service": "hibari", **EXAMPLES["io.segue.rollout.requested"][1]},
            {"service": "hibari", **EXAMPLES["io.segue.rollout.requested"][1], "plan": EXAMPLE_PLAN},
        ),
        _read_request,
    ),
    Decoder("orders over HTTP", _order, _read_order),
    Decoder("plans in YAML", _of(PLAN_IN_YAML, EXAMPLE_PLAN, yaml=True), _read_plan),
    Decoder("journal messages", _of(*(path.read_bytes() for path in sorted(GOLDEN.glob("*.json")))), _read_fact),
    Decoder("journal facts", _event, _read_event),
    Decoder("states", _of(state_json(STATE)), state_from),
    Decoder("routing tables", _of(table_json(table(STATE))), _read_table),
    Decoder("checkpoints", _of(checkpoint_message(CHECKPOINT)), _read_checkpoint),
    Decoder("speech bodies", _of(SPEECH), _read_speech, Problem, (USERS_TEXT,)),
    Decoder("settings", _environment, _read_environment, sealed=(SECRET,)),
)
