"""Say something to Segue: a message that is checked here, published, and followed until it is decided."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import typer

from controller.cli.answers import FAILED, tell_json
from controller.cli.decided import listening
from controller.cli.followed import Followed
from controller.cli.plain import say
from controller.cli.words import told
from controller.core.errors import Unavailable
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
    """
    What became of a message.

    id: its own. service: whom it is about. topic, partition, offset: where it stands in Kafka. facts: what it caused.
    waited_s: how long somebody waited for that, seconds. decided: whether it is known to be decided. published: whether
    Kafka has the facts. sure: whether the store itself says what it caused. untold: why it is not known
    whether anybody decided it. objection: what is wrong with it although it changed nothing.
    """

    id: str
    service: str
    topic: str
    partition: int
    offset: int
    facts: tuple[Fact, ...] = ()
    waited_s: float = 0
    decided: bool = False
    published: bool = True
    sure: bool = False
    untold: str = ""
    objection: str = ""

    @property
    def refusal(self) -> str:
        """Why it was turned down; "" when it was not."""
        if self.objection:
            return self.objection
        for fact in self.facts:
            if isinstance(fact.event, RequestRefused | OrderRefused):
                return fact.event.reason
        return ""

    @property
    def place(self) -> str:
        """Where it stands in Kafka."""
        return f"{self.topic}/{self.partition}/{self.offset}"


def ask(settings: Settings, topic: Topic, type: MessageType, data: Mapping[str, object], wait_s: float) -> Answer:
    """
    Publish a message and wait up to wait_s seconds for what is decided about it; 0 does not wait.

    Raises Malformed before anything is sent when Segue could not read it, Unavailable when Kafka is away.
    """
    now_ms, message_id, service = time.time_ns() // 1_000_000, str(uuid.uuid4()), str(data["service"])
    outgoing = message(topic, type, SOURCE, message_id, service, data, now_ms)
    read(Received(topic, 0, 0, outgoing.key, outgoing.value, outgoing.headers, now_ms))
    name = topic_name(topic, settings.topic_prefix)
    if wait_s == 0:
        return Answer(message_id, service, name, *_send(settings, name, outgoing))
    with listening(settings) as decisions:
        place = _send(settings, name, outgoing)
        followed = Followed(settings, topic, *place, (SOURCE, message_id))
        heard = decisions.of(message_id, wait_s, followed.changed_nothing)
    if not heard and followed.led_to is None:
        followed.look_into_store()
    return Answer(
        message_id,
        service,
        name,
        *place,
        facts=heard or followed.led_to or (),
        waited_s=wait_s,
        decided=bool(heard) or followed.decided,
        published=bool(heard) or not followed.led_to,
        sure=bool(heard) or followed.led_to is not None,
        untold=followed.untold,
    )


def tell(answer: Answer, *, as_json: bool) -> None:
    """
    Tell an answer; ends with 1 when the message was refused.

    Raises Unavailable, once all is told, when nobody has decided it or nobody has published what was decided.
    """
    if as_json:
        tell_json(
            {
                "id": answer.id,
                "topic": answer.topic,
                "partition": answer.partition,
                "offset": answer.offset,
                "decided": answer.decided if answer.waited_s else None,
                "refused": answer.refusal,
                "facts": [_fact(fact) for fact in answer.facts],
            }
        )
    else:
        for line in _lines(answer):
            say(line)
    if answer.refusal:
        raise typer.Exit(FAILED)
    if why := _still_to_come(answer):
        raise Unavailable(why)


def _lines(answer: Answer) -> list[str]:
    if answer.objection:
        return [answer.objection]
    if answer.facts:
        return [f"{fact.position:>6}  {event_type(fact.event):<22}{_what(fact.event)}" for fact in answer.facts]
    if not answer.waited_s:
        return [f"published to {answer.topic} as {answer.id}"]
    if not answer.decided:
        return []
    if answer.sure:
        return ["Nothing changed: it was so already."]
    return [f"Nothing changed: it was decided, and no fact of it was published within {answer.waited_s:g} s."]


def _still_to_come(answer: Answer) -> str:
    """Say what is missing, and that it comes by itself; "" when nothing is."""
    if not answer.waited_s or (answer.decided and answer.published):
        return ""
    if answer.decided:
        return (
            f"this was decided, and nobody published it within {answer.waited_s:g} s, so no gateway knows of it; it is "
            "not lost, and will be published as soon as a relay works, so do not send it again; `segue status` says "
            "whether one does"
        )
    so_far = f"nobody decided this within {answer.waited_s:g} s"
    if answer.untold:
        so_far = f"whether anybody decided this within {answer.waited_s:g} s is not known: {answer.untold}"
    return (
        f"{so_far}; it stands in Kafka ({answer.place}), is not lost, and will "
        "be done as soon as somebody decides, so do not send it again; `segue status` says whether somebody does, and "
        f"`segue history {answer.service}` what came of it"
    )


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
