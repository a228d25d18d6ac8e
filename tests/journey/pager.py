"""The other end of SEGUE_NOTIFY_WEBHOOK: somebody's pager, which keeps what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from controller.parts.ports import LOOPBACK


class Pager:
    """notices: as posted, in order of arrival; `told` waits for one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.notices: list[dict[str, Any]] = []
        self._news = threading.Condition()

    def take(self, body: bytes) -> None:
        """Keep one notice."""
        with self._news:
            self.notices.append(json.loads(body))
            self._news.notify_all()

    def told(self, service: str, text: str, patience_s: float = 20) -> dict[str, Any]:
        """Wait for a service's notice with this in its text, and return it; TimeoutError when it never comes."""

        def found() -> dict[str, Any] | None:
            about = (one for one in self.notices if one["service"] == service and text in one["text"])
            return next(about, None)

        with self._news:
            notice = self._news.wait_for(found, patience_s)
        if notice is None:
            raise TimeoutError(f"nobody was told {text!r} about {service} within {patience_s:g} s")
        return notice


@contextmanager
def pager() -> Iterator[Pager]:
    """Listen on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        kept = Pager(f"http://{LOOPBACK}:{server.server_address[1]}/notify")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="pager")
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
