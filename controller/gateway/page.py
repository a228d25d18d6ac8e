"""`GET /`: a small page to type, listen, and see which release spoke. It asks nothing of any other host."""

from pathlib import Path

from controller.gateway.asgi import Headers

_HEADERS: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
        b"media-src blob:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)
_PAGE = Path(__file__).with_name("page.html").read_bytes()


def page() -> tuple[int, Headers, bytes]:
    """Return the answer: status, headers, body."""
    return 200, _HEADERS, _PAGE
