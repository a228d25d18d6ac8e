"""Whoever is not let in is told which token would be."""

from types import SimpleNamespace

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from controller.api.tokens import APPROVER, allow

TOKENS = {"an-operator-s-token": "operator", "a-viewer-s-token-1": "viewer"}


def asked(token: str = "") -> Request:
    """Return a request with this token, or with none."""
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    app = SimpleNamespace(state=SimpleNamespace(tokens=TOKENS))
    return Request({"type": "http", "headers": headers, "app": app})


@pytest.mark.parametrize("token", ["", "a-viewer-s-token-1"], ids=["none", "viewer"])
def test_a_gate_s_answer_asks_for_a_role_that_a_token_can_have(token: str) -> None:
    """Whoever answers a gate without the right token learns of the roles that may, and of no other word."""
    with pytest.raises(HTTPException) as refused:
        allow(asked(token), APPROVER)
    assert refused.value.detail.endswith("one of role operator, or of the one that the gate asks for")
    assert allow(asked("an-operator-s-token"), APPROVER) == "operator"
