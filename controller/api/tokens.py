"""Who is let in, and what whoever is not is told."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request

from controller.tokens import APPROVER, given, may, role_of

__all__ = ["APPROVER", "allow"]


def allow(request: Request, role: str) -> str:
    """Return the token's own role when it may do what `role` may; raises HTTPException 401 or 403 with a sentence."""
    wanted = "operator, or of the one that the gate asks for" if role == APPROVER else role
    tokens: Mapping[str, str] = request.app.state.tokens
    if not tokens:
        raise _unknown("no token is set here, so nobody is let in: set SEGUE_TOKENS=role:token and start again")
    token = given(request.headers.get("authorization", ""))
    if not token:
        raise _unknown(f"a token is needed: send 'Authorization: Bearer TOKEN' with one of role {wanted}")
    found = role_of(tokens, token)
    if not found:
        raise _unknown("this token is not known here; see SEGUE_TOKENS or SEGUE_TOKENS_FILE")
    if not may(found, role):
        raise HTTPException(403, f"a token of role {found} may not do this; use one of role {wanted}")
    return found


def _unknown(why: str) -> HTTPException:
    return HTTPException(401, why, {"WWW-Authenticate": "Bearer"})
