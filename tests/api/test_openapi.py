"""The API's document: every route is in it, and whatever is asked is answered as it says."""

import asyncio
import json

from controller.api.openapi import text
from controller.settings import Settings
from controller.wire.openapi import PATH
from tests.api.test_queries import told
from tests.api.test_roles import ROUTES, routes
from tests.api.world import ALERTMANAGER, OPERATOR, VIEWER, Api
from tests.openapi.asking import IN_ONE_PROCESS, ask

__all__ = ["told"]

LETTER = "/v1/dead-letters/{letter}"
KNOWN = {"name": "hibari", "service": "hibari", "letter": "alerts.received/0/0", "time": "1970-01-01T00:05:00Z"}


def test_every_route_is_in_the_document(settings: Settings) -> None:
    """A new route is told of, and what is told of is there."""
    paths = json.loads(text())["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert told == {(method, path.replace(":path}", "}")) for method, path in routes(settings)}


@IN_ONE_PROCESS
async def test_what_the_document_says_is_what_is_answered(told: Api) -> None:
    """Good requests and bad ones, all operations: each answer has a status, a type and a body that the document has."""
    asked = await asyncio.to_thread(ask, str(told.client.base_url).rstrip("/"), token, KNOWN)
    assert len(asked) == len(ROUTES)


def token(method: str, path: str) -> str:
    """Return the token that lets in, or none where anybody may."""
    roles = ROUTES[method, path.replace("{letter}", "{letter:path}")]
    return "" if "" in roles else next(one for one in (VIEWER, ALERTMANAGER, OPERATOR) if one in roles)


async def test_it_is_served_to_everybody(api: Api) -> None:
    """Whoever writes a client needs no token to read what it may ask for."""
    answer = await api.get(PATH, "")
    assert (answer.status_code, answer.text) == (200, text())
