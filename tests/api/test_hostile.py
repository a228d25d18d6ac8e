"""Every route of the API, with and without a token, asked by whoever means ill: a good answer, or a reason."""

from random import Random
from typing import Final
from urllib.parse import quote, quote_from_bytes

import httpx

from tests.api.test_roles import ROUTES, good_body
from tests.api.world import ALERTMANAGER, OPERATOR, VIEWER, Api
from tests.hostile.spoil import spoiled
from tests.hostile.values import TEXTS

REQUESTS: Final = 40
"""Of each route."""

PARAMETERS: Final = (
    *("limit", "after", "time", "since", "until", "service", "rollout", "actor", "type", "release", "at", "month"),
    *("before", "topic", "pretty", "", "x", "limit[]"),
)
_TEXTS: Final = tuple(text for text in TEXTS if isinstance(text, str) and len(text) < 3_000)


async def test_no_request_is_answered_without_a_reason(api: Api) -> None:
    """Whatever path, question, header or body: never 500, and whoever is refused is told why in one sentence."""
    random = Random(0)  # noqa: S311  # the same requests each time
    for method, path in [*ROUTES] * REQUESTS:
        request = asked(api, method, path, random)
        answer = await api.client.send(request)
        told = f"{request.method} {request.url} {request.headers} is answered {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500 or (answer.status_code == 503 and "/ready" in path), told
        if answer.status_code >= 400:
            assert 0 < len(answer.json()["error"]) <= 2_100, told


def asked(api: Api, method: str, path: str, random: Random) -> httpx.Request:
    """Return a request for a route, with something wrong about it."""
    where = path
    for place, good in (("{name}", "hibari"), ("{letter:path}", "alerts.received/0/0")):
        where = where.replace(place, _quoted(random) if random.random() < 0.4 else good)
    if random.random() < 0.7:
        pairs = (f"{random.choice(PARAMETERS)}={_quoted(random)}" for _ in range(random.randint(1, 3)))
        where += "?" + random.choice("&&&;").join(pairs)
    token = random.choice((OPERATOR, OPERATOR, VIEWER, ALERTMANAGER, ALERTMANAGER, ""))
    headers = [(b"authorization", f"Bearer {token}".strip().encode())]
    for name in (
        b"idempotency-key",
        b"if-none-match",
        b"content-type",
        b"content-encoding",
        b"accept",
        b"cookie",
        b"range",
    ):
        if random.random() < 0.15:
            headers.append((name, _in_a_header(random)))
    if random.random() < 0.1:
        headers[0] = (b"authorization", _in_a_header(random))
    given = httpx.Request("GET", "http://x/", json=good_body(path)).content if method == "POST" else b""
    body = spoiled([given], random) if method == "POST" and random.random() < 0.8 else given
    return httpx.Request(
        random.choice((method,) * 9 + ("PATCH",)), f"{api.client.base_url}{where}", headers=headers, content=body
    )


def _quoted(random: Random) -> str:
    if random.random() < 0.2:
        return quote_from_bytes(random.randbytes(8), safe="")
    return quote(random.choice(_TEXTS), safe=random.choice(("", "/.")))


def _in_a_header(random: Random) -> bytes:
    return bytes(byte for byte in random.choice(_TEXTS).encode() if byte > 31 and byte != 127).strip()
