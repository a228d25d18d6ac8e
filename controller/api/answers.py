"""Reading bodies within a limit, and errors as one JSON sentence with the right status."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from controller.core.errors import Broken, Malformed, Unavailable

RETRY_AFTER_S = 1


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Return the body; raises HTTPException 413 as soon as it is longer than the limit."""
    declared = request.headers.get("content-length", "")
    parts: list[bytes] = []
    size_bytes = int(declared) if declared.isdecimal() and len(declared) < 20 else 0
    if size_bytes <= limit_bytes:
        size_bytes = 0
        async for part in request.stream():
            parts.append(part)
            size_bytes += len(part)
            if size_bytes > limit_bytes:
                break
    if size_bytes > limit_bytes:
        # The connection stays open: the server throws the rest away. To close it now would take the answer with it.
        raise HTTPException(413, f"the body is longer than {limit_bytes} bytes; send less")
    return b"".join(parts)


async def http_error(_: Request, error: Exception) -> Response:
    """Answer a refusal with its status and sentence."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def malformed(_: Request, error: Exception) -> Response:
    """Answer 400: the sender must change something."""
    return JSONResponse({"error": str(error)}, 400)


async def unavailable(_: Request, error: Exception) -> Response:
    """Answer 503: Alertmanager tries again on 5xx and network errors only, and so should everybody else."""
    return JSONResponse({"error": str(error)}, 503, {"Retry-After": str(RETRY_AFTER_S)})


async def broken(_: Request, error: Exception) -> Response:
    """Answer 500: whoever runs this Segue must change something."""
    return JSONResponse({"error": str(error)}, 500)


async def gone(_: Request, __: Exception) -> Response:
    """Answer nobody: the sender left before its body was whole."""
    return Response(status_code=400)


HANDLERS = {
    ClientDisconnect: gone,
    HTTPException: http_error,
    Malformed: malformed,
    Unavailable: unavailable,
    Broken: broken,
}
