"""Answers that carry a tag of what they say: who has the same already is told so, in 304 and no body."""

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response


def tagged(request: Request, body: str) -> Response:
    """Answer with JSON and its ETag; 304 when If-None-Match names it."""
    content = body.encode()
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    # It may change at any time, and it is for whoever showed a token: kept by them alone, and asked for again.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
