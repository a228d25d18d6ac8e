"""Say something to Segue: a message that is checked here, published, and followed until it is decided."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import typer

from controller.cli.answers import FAILED, tell_json
from controller.cli.decided import listening
from controller.cli.words import told
from controller.core.events import AnyEvent, OrderRefused, RequestRefused
from controller.core.stream import Fact
from controller.outside.kafka import publish
from controller.settings import Settings
from controller.wire.codec import event_type
from controller.wire.inbound import Received, read
from controller.wire.messages import MessageType
from controller.wire.outbound import Outgoing, message
from controller.wire.topics import Topic, topic_name

SOURCE = "segue/cli"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message. id: its own. facts: what it caused; none when it changed nothing in time."""

    id: str
    topic: str
    partition: int
    offset: int
    facts: tuple[Fact, ...]

    @property
    def refusal(self) -> str:
        """Why it was turned down; "" when it was not."""
        for fact in self.facts:
            if isinstance(fact.event, RequestRefused | OrderRefused):
                return fact.event.reason
        return ""


def ask(settings: Settings, topic: Topic, type: MessageType, data: Mapping[str, object], wait_s: float) -> Answer:
    """
    Publish a message and wait up to wait_s seconds for what is decided about it; 0 does not wait.

    Raises Malformed before anything is sent when Segue could not read it, Unavailable when Kafka is away.
    """
    now_ms, message_id = time.time_ns() // 1_000_000, str(uuid.uuid4())
    outgoing = message(topic, type, SOURCE, message_id, str(data["service"]), data, now_ms)
    read(Received(topic, 0, 0, outgoing.key, outgoing.value, outgoing.headers, now_ms))
    name = topic_name(topic, settings.topic_prefix)
    if wait_s == 0:
        return Answer(message_id, name, *_send(settings, name, outgoing), ())
    with listening(settings) as decisions:
        sent = _send(settings, name, outgoing)
        return Answer(message_id, name, *sent, decisions.of(message_id, wait_s))


def tell(answer: Answer, *, waited: bool, as_json: bool) -> None:
    """Tell an answer; ends with 1 when the message was refused."""
    if as_json:
        tell_json(
            {
                "id": answer.id,
                "topic": answer.topic,
                "partition": answer.partition,
                "offset": answer.offset,
                "refused": answer.refusal,
                "facts": [_fact(fact) for fact in answer.facts],
            }
        )
    elif answer.facts:
        for fact in answer.facts:
            typer.echo(f"{fact.position:>6}  {event_type(fact.event):<22}{_what(fact.event)}")
    elif waited:
        typer.echo("Nothing changed: it was so already, or nobody decides just now (see `segue status`).")
    else:
        typer.echo(f"published to {answer.topic} as {answer.id}")
    if answer.refusal:
        raise typer.Exit(FAILED)


def _send(settings: Settings, topic: str, outgoing: Outgoing) -> tuple[int, int]:
    key = (outgoing.key or b"").decode()
    return publish(settings.brokers, topic, key, outgoing.value, headers=outgoing.headers)


def _fact(fact: Fact) -> dict[str, object]:
    event = fact.event
    return {
        "stream": fact.stream,
        "position": fact.position,
        "type": event_type(event),
        "actor": event.actor,
        "reason": event.reason,
        "rollout": event.rollout,
    }


def _what(event: AnyEvent) -> str:
    return f"{event.rollout}: {told(event)}" if event.rollout else told(event)
