"""POST /v1/rollouts and /v1/services/{name}/{order}: what people ask for, checked here, decided by the consumers."""

import time
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Final
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.api.answers import read_body
from controller.api.tokens import APPROVER, allow
from controller.wire.messages import MESSAGES, MessageType, read_data
from controller.wire.outbound import message
from controller.wire.strict import MESSAGE_LIMIT_BYTES, parse_object, refused
from controller.wire.topics import Topic

SOURCE: Final = "segue/api"

ORDERS: Final = {
    "pause": MessageType.PAUSE,
    "resume": MessageType.RESUME,
    "promote": MessageType.PROMOTE,
    "advance": MessageType.ADVANCE,
    "extend": MessageType.EXTEND,
    "approve": MessageType.APPROVE,
    "reject": MessageType.REJECT,
    "rollback": MessageType.ROLLBACK,
    "override": MessageType.OVERRIDE,
    "mark": MessageType.MARK,
    "retire": MessageType.RETIRE,
    "plans": MessageType.PLAN,
}

IN_A_ROLE: Final = (MessageType.APPROVE, MessageType.REJECT)

_KEY_CHARACTERS: Final = 200


async def request_rollout(request: Request) -> Response:
    """Publish a rollout request: {service, release, plan?, endpoints?, actor, reason}."""
    allow(request, "operator")
    return await _publish(request, Topic.REQUESTED, MessageType.REQUESTED, {})


def give_order(type: MessageType) -> Callable[[Request], Awaitable[Response]]:
    """
    Return the endpoint that publishes one kind of order: {actor, reason, rollout?}, and what its JSON Schema adds.

    Gates are approved and rejected in the role of the token, whatever the body says.
    """

    async def order(request: Request) -> Response:
        role = allow(request, APPROVER if type in IN_A_ROLE else "operator")
        named = {"service": request.path_params["name"], **({"role": role} if type in IN_A_ROLE else {})}
        return await _publish(request, Topic.ORDERED, type, named)

    return order


async def _publish(request: Request, topic: Topic, type: MessageType, named: dict[str, str]) -> Response:
    data = order_data(await read_body(request, MESSAGE_LIMIT_BYTES), named)
    # Read here only to refuse at once what the consumer would reject; what it means is decided there.
    command = read_data(MESSAGES[topic][type], data, SOURCE)
    id = _id(request, type, command.service)
    now_ms = time.time_ns() // 1_000_000
    await request.app.state.publisher.publish([message(topic, type, SOURCE, id, command.service, data, now_ms)])
    return JSONResponse({"id": id, "source": SOURCE, "service": command.service, "type": type.value}, 202)


def order_data(body: bytes, named: Mapping[str, str]) -> dict[str, object]:
    """Return what a body says, and what path and token say already; raises Malformed when they differ."""
    said = parse_object(body, "body")
    for name, value in named.items():
        if said.get(name, value) != value:
            source = "path" if name == "service" else "token"
            raise refused(f"body.{name}", said[name], f"{value!r}, as in the {source}, or none")
    return {**named, **said}


def _id(request: Request, type: MessageType, service: str) -> str:
    """
    Return the sender's own id for this order, if it gave one: then sending it again does nothing twice.

    It names one kind of order for one service: one key for two of them must not make the second a repetition.
    """
    given = request.headers.get("idempotency-key")
    if given is None:
        return str(uuid4())
    if not (0 < len(given) <= _KEY_CHARACTERS and given.isprintable()):
        raise HTTPException(400, f"Idempotency-Key must have 1 to {_KEY_CHARACTERS} printable characters")
    # Hashed, because an id has 256 characters at most and the key alone may have 200.
    return f"{type}/{sha256(f'{service}/{given}'.encode()).hexdigest()}"
