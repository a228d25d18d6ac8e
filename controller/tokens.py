"""Bearer tokens: which role a caller's has, and what that role may do; compared in constant time, never shown."""

import hmac
from collections.abc import Mapping
from typing import Final

VIEWER: Final = "viewer"
OPERATOR: Final = "operator"
APPROVER: Final = "approver"
"""Whoever may be asked by a gate; which role it asks for is decided there."""

_MAY: Final[Mapping[str, frozenset[str]]] = {
    VIEWER: frozenset({VIEWER}),
    OPERATOR: frozenset({OPERATOR, VIEWER, APPROVER}),
    "alertmanager": frozenset({"alertmanager"}),
}
_ANY_OTHER: Final = frozenset({VIEWER, APPROVER})


def given(authorization: str) -> str:
    """Return the token of an Authorization header, "" when it has none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def role_of(tokens: Mapping[str, str], token: str) -> str:
    """Return the role of a token, "" when there is none; takes as long for one as for the other."""
    found = ""
    for known, role in tokens.items():
        if hmac.compare_digest(known.encode(), token.encode(errors="surrogateescape")):
            found = role
    return found


def may(role: str, wanted: str) -> bool:
    """Say whether a token of this role may do what `wanted` may."""
    return wanted in _MAY.get(role, _ANY_OTHER)


def one_of(tokens: Mapping[str, str], role: str) -> str:
    """Return a token of exactly this role, fit to be sent to others; "" when there is none, whatever else may more."""
    return min((token for token, its_role in tokens.items() if its_role == role), default="")
