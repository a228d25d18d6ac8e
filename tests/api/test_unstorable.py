"""Text that no database holds, in every place of an address that the document names: a reason, on both stores."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import pytest

from controller.api.openapi import text
from controller.journal.schema import upgrade
from controller.parts.postgres import Postgres, start_postgres
from controller.settings import Settings
from tests.api.test_openapi import KNOWN, token
from tests.api.test_roles import good_body
from tests.api.world import Api, bearer, running

NUL: Final = ("%00", "hib%00ari")
UNREADABLE: Final = ("%ED%A0%80", "%FF")
"""Half of a pair of surrogates, and a byte that begins nothing: a reader of addresses puts a mark in place of each."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL of this module."""
    running = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield running
    running.erase()


@pytest.fixture(params=["sqlite", "postgresql"])
async def on_store(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Api]:
    """An API on a store of each kind."""
    if request.param == "postgresql":
        settings = replace(settings, database_url=request.getfixturevalue("server").create("segue"))
        upgrade(settings.database)
    async with running(settings) as api:
        await api.until_ready()
        yield api


async def test_no_place_in_an_address_takes_what_no_database_holds(on_store: Api) -> None:
    """U+0000 is refused with 400 wherever it stands; what is no text is answered as the document says."""
    asked = 0
    for method, path, parameter, documented in places():
        for value in (*NUL, *UNREADABLE, *cursors(parameter)):
            answer = await ask(on_store, method, path, parameter, value)
            told = f"{method} {answer.url} is answered {answer.status_code} {answer.text[:300]}"
            assert str(answer.status_code) in documented, told
            assert answer.status_code == 400 or value in UNREADABLE, told
            asked += 1
    assert asked > 100


def places() -> Iterator[tuple[str, str, dict[str, Any], list[str]]]:
    """Yield method, path, one parameter of its address, and the answers it may have, of all operations."""
    for path, operations in json.loads(text())["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] in ("path", "query"):
                    yield method.upper(), path, parameter, list(operation["responses"])


def cursors(parameter: dict[str, Any]) -> tuple[str, ...]:
    """Return the places to go on from that hold what no database does."""
    if parameter["name"] != "after":
        return ()
    said = ({"at_ms": 1, "stream": stream, "position": 1} for stream in ("\0", "\ud800"))
    return tuple(urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in said)


async def ask(api: Api, method: str, path: str, parameter: dict[str, Any], value: str) -> Any:
    """Ask with this value in one place and good ones in all others that are needed."""
    where = path
    for name, good in KNOWN.items():
        where = where.replace(f"{{{name}}}", value if name == parameter["name"] else quote(good))
    query = f"{parameter['name']}={value}" if parameter["in"] == "query" else ""
    if path.endswith("/at") and not query:
        query = f"time={KNOWN['time']}"
    return await api.client.request(
        method,
        f"{where}?{query}".rstrip("?"),
        headers=bearer(token(method, path)),
        json=good_body(path) if method == "POST" else None,
    )
