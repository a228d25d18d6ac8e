"""Bearer tokens and what each may do; compared in constant time, never logged, never shown."""

import hmac
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

APPROVER: Final = "approver"
"""Whoever may be asked by a gate; which role it asks for is decided there."""

_MAY: Final[Mapping[str, frozenset[str]]] = {
    "viewer": frozenset({"viewer"}),
    "operator": frozenset({"operator", "viewer", APPROVER}),
    "alertmanager": frozenset({"alertmanager"}),
}
_ANY_OTHER: Final = frozenset({"viewer", APPROVER})


def allow(request: Request, role: str) -> str:
    """Return the token's own role when it may do what `role` may; raises HTTPException 401 or 403 with a sentence."""
    wanted = "operator, or of the one that the gate asks for" if role == APPROVER else role
    tokens: Mapping[str, str] = request.app.state.tokens
    if not tokens:
        raise _unknown("no token is set here, so nobody is let in: set SEGUE_TOKENS=role:token and start again")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise _unknown(f"a token is needed: send 'Authorization: Bearer TOKEN' with one of role {wanted}")
    found = _role(tokens, given.strip())
    if not found:
        raise _unknown("this token is not known here; see SEGUE_TOKENS or SEGUE_TOKENS_FILE")
    if role not in _MAY.get(found, _ANY_OTHER):
        raise HTTPException(403, f"a token of role {found} may not do this; use one of role {wanted}")
    return found


def _role(tokens: Mapping[str, str], given: str) -> str:
    """Return the role of a token, "" when there is none; takes as long for one as for the other."""
    found = ""
    for token, role in tokens.items():
        if hmac.compare_digest(token.encode(), given.encode(errors="surrogateescape")):
            found = role
    return found


def _unknown(why: str) -> HTTPException:
    return HTTPException(401, why, {"WWW-Authenticate": "Bearer"})
