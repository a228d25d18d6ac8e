"""Who may do what over HTTP: every route of the API and of the gateway has a row here, or this fails."""

from collections.abc import Iterator
from itertools import product
from typing import Final

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from starlette.routing import Route

from controller.api.app import create_app
from controller.api.orders import ORDERS
from controller.gateway.app import Parts, _pages
from controller.gateway.encode import Encoders
from controller.gateway.failures import FAILURES_PATH
from controller.gateway.metrics import Metrics
from controller.gateway.openapi import SPEECH_PATH
from controller.gateway.tables import Tables
from controller.gateway.triton import TritonEngine
from controller.settings import Settings
from controller.wire.topics import PARTITIONS, Topic
from tests.api.test_alertmanager import alert, webhook
from tests.api.world import ALERTMANAGER, LISTENER, OPERATOR, VIEWER, Api
from tests.gateway.stage import Known
from tests.wire.records import EXAMPLES

ANYBODY: Final = frozenset({"", "unknown", VIEWER, OPERATOR, ALERTMANAGER, LISTENER})
LOOKS: Final = frozenset({VIEWER, OPERATOR, LISTENER})
APPROVES: Final = frozenset({OPERATOR, LISTENER})

ROUTES: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("POST", "/alertmanager"): frozenset({ALERTMANAGER}),
    ("POST", "/v1/rollouts"): frozenset({OPERATOR}),
    **{
        ("POST", f"/v1/services/{{name}}/{order}"): APPROVES
        if order in ("approve", "reject")
        else frozenset({OPERATOR})
        for order in ORDERS
    },
    **{
        ("GET", path): LOOKS
        for path in (
            "/v1/services",
            "/v1/services/{name}",
            "/v1/services/{name}/history",
            "/v1/services/{name}/at",
            "/v1/services/{name}/plans",
            "/v1/history",
            "/v1/report",
            "/v1/dead-letters",
            "/v1/dead-letters/{letter:path}",
        )
    },
    **{("GET", path): ANYBODY for path in ("/health", "/ready", "/metrics", "/openapi.json")},
}
"""Which tokens each route of the API lets in."""

OPEN: Final = {
    *("/", "/health", "/ready", "/version", "/metrics", "/openapi.json", "/v1/models", "/v1/audio/voices"),
}
"""What the gateway shows to everybody. It speaks for everybody, too, and shows failures to viewers: test_failures."""

WRITTEN: Final = {Topic.REQUESTED, Topic.ORDERED, Topic.ALERTS}
"""The topics that somebody over HTTP can write to; the others are written by Segue's own processes alone."""


def routes(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield method and path of everything that the API answers."""
    for route in create_app(settings).routes:
        assert isinstance(route, Route), f"{route} is of another kind: say here who may use it"
        for method in (route.methods or set()) - {"HEAD"}:
            yield method, route.path


def test_every_route_of_the_api_has_a_row(settings: Settings) -> None:
    """A new route says who may use it."""
    assert sorted(routes(settings)) == sorted(ROUTES)


def test_every_page_of_the_gateway_has_a_row() -> None:
    """A new page says whether everybody may see it; nothing there takes an order."""
    metrics = Metrics()
    parts = Parts(Tables(metrics), Known(), TritonEngine("127.0.0.1:1"), metrics, Encoders(), 1)
    assert {*_pages(parts), SPEECH_PATH, FAILURES_PATH} == {*OPEN, SPEECH_PATH, FAILURES_PATH}


async def test_only_who_may_is_let_in(api: Api) -> None:
    """Without a token or with an unknown one it is 401, with one of another role 403, and never anything else."""
    for ((method, path), allowed), token in product(ROUTES.items(), sorted(ANYBODY)):
        status = (await ask(api, method, path, token)).status_code
        refused = 401 if token in ("", "unknown") else 403
        assert status in ((200, 202, 404) if token in allowed else (refused,)), f"{method} {path} by {token!r}"


async def test_who_is_not_let_in_writes_nothing(api: Api) -> None:
    """However many try: not one record comes into Kafka, and who is let in writes what people and Alertmanager may."""
    before = await ends(api)
    for (method, path), allowed in ROUTES.items():
        for token in sorted(ANYBODY - allowed):
            await ask(api, method, path, token)
    assert await ends(api) == before
    for (method, path), allowed in ROUTES.items():
        await ask(api, method, path, min(allowed))
    after = await ends(api)
    assert {topic for topic in Topic if after[topic] > before[topic]} == WRITTEN


async def ask(api: Api, method: str, path: str, token: str) -> httpx.Response:
    """Ask for a route in good form."""
    where = path.replace("{name}", "roles").replace("{letter:path}", "alerts.received/0/0")
    if where.endswith("/at"):
        where += "?time=2026-03-01T03:00:00Z"
    if method == "GET":
        return await api.get(where, token)
    return await api.post(where, good_body(path), token)


def good_body(path: str) -> object:
    """Return a body that the route takes."""
    if path == "/alertmanager":
        return webhook(alert("roles"))
    if path == "/v1/rollouts":
        return {"service": "roles", **EXAMPLES["io.segue.rollout.requested"][1]}
    body = dict(EXAMPLES[ORDERS[path.rsplit("/", 1)[1]]][1])
    body.pop("role", None)
    return body


async def ends(api: Api) -> dict[Topic, int]:
    """Return how many records each topic has had."""
    consumer = AIOKafkaConsumer(bootstrap_servers=api.settings.kafka)
    await consumer.start()
    try:
        counts = {}
        for topic in Topic:
            partitions = [TopicPartition(topic.value, number) for number in range(PARTITIONS)]
            counts[topic] = sum((await consumer.end_offsets(partitions)).values())
        return counts
    finally:
        await consumer.stop()
