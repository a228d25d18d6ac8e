"""Who asks, as far as routing needs to know: what they force, where they belong, and which bucket they stick to."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.routing import Asked, RoutingTable
from controller.gateway.asgi import cookies

_USER_COOKIE = "segue_user"
_FACTS = {"region": b"x-segue-region", "tier": b"x-segue-tier"}
_YEAR_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Caller:
    """asked: for `pick`. set_cookie: the header that makes a new browser stick from now on, if it is one."""

    asked: Asked
    set_cookie: bytes | None


def read_caller(headers: Mapping[bytes, bytes], user: str, table: RoutingTable) -> Caller:
    """
    Read who asks: header x-segue-user, else `user` (of the body), else the cookie segue_user, else a random name.

    The name is hashed for its bucket and goes nowhere else. Only browsers are given the cookie: other clients name
    their users.
    """
    kept = cookies(headers) if b"cookie" in headers else {}
    name = _value(headers, b"x-segue-user") or user or kept.get(_USER_COOKIE)
    set_cookie = None
    if not name:
        name = secrets.token_urlsafe(12)
        if _is_browser(headers):
            set_cookie = f"{_USER_COOKIE}={name}; Path=/; Max-Age={_YEAR_S}; SameSite=Lax; HttpOnly".encode()
    facts = {fact: value for fact, header in _FACTS.items() if (value := _value(headers, header))}
    wanted = _value(headers, table.force.header.encode("latin-1", "ignore").lower()) or None
    return Caller(Asked(name, kept.get(table.force.cookie), wanted, facts or None), set_cookie)


def _value(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").strip()


def _is_browser(headers: Mapping[bytes, bytes]) -> bool:
    return b"sec-fetch-mode" in headers or headers.get(b"user-agent", b"").startswith(b"Mozilla/")
