"""Who asks, as far as routing needs to know: what they force, where they belong, and which bucket they stick to."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.routing import Asked, RoutingTable
from controller.gateway.asgi import cookies

_USER_COOKIE = "segue_user"
_FACTS = {"region": b"x-segue-region", "tier": b"x-segue-tier", "language": b"x-segue-language"}
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
    their users. Where they belong is read only as far as the table's segments ask for it.
    """
    kept = cookies(headers) if b"cookie" in headers else {}
    name = _value(headers, b"x-segue-user") or user or kept.get(_USER_COOKIE)
    set_cookie = None
    if not name:
        name = secrets.token_urlsafe(12)
        if _is_browser(headers):
            set_cookie = f"{_USER_COOKIE}={name}; Path=/; Max-Age={_YEAR_S}; SameSite=Lax; HttpOnly".encode()
    facts = {fact: value for fact in table.facts if (value := _fact(headers, fact))}
    wanted = _value(headers, table.force.header.encode("latin-1", "ignore").lower()) or None
    return Caller(Asked(name, kept.get(table.force.cookie), wanted, facts or None), set_cookie)


def _fact(headers: Mapping[bytes, bytes], fact: str) -> str:
    header = _FACTS.get(fact) or fact.removeprefix("header:").encode()
    value = _value(headers, header)
    if fact != "language":
        return value
    return value.lower() or _preferred_language(_value(headers, b"accept-language"))


def _preferred_language(accepted: str) -> str:
    """Return the primary tag of the language that a browser likes best: "de" of "de-AT,de;q=0.9,en;q=0.8"."""
    best, best_q = "", 0.0
    for choice in accepted.split(","):
        tag, _, parameter = choice.partition(";")
        try:
            q = float(parameter.partition("=")[2] or 1)
        except ValueError:
            continue
        primary = tag.strip().partition("-")[0].lower()
        if q > best_q and primary.isalpha():
            best, best_q = primary, q
    return best


def _value(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").strip()


def _is_browser(headers: Mapping[bytes, bytes]) -> bool:
    return b"sec-fetch-mode" in headers or headers.get(b"user-agent", b"").startswith(b"Mozilla/")
