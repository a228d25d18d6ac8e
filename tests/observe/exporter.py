"""A small real exporter: a gateway's own metrics on a port, without the gateway."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Counter, generate_latest

from controller.core.sequential import bucket_of
from controller.gateway.metrics import Metrics
from controller.observe.population import BLOCKS, MEASURED, REQUESTS
from controller.parts.ports import LOOPBACK, free_port

_SOURCE = ("service", "release", "arm", "segment", "endpoint")


class Process:
    """What one process has counted: a gateway's own metrics, and the evidence that a test makes up."""

    def __init__(self) -> None:
        evidence = CollectorRegistry()
        self.requests = Counter(REQUESTS, "Requests.", (*_SOURCE, "outcome"), registry=evidence)
        self.blocks = Counter(BLOCKS, "Blocks.", (*_SOURCE, "outcome"), registry=evidence)
        self.measured = Counter(MEASURED, "Times.", (*_SOURCE, "measure", "bucket"), registry=evidence)
        self.metrics = Metrics()
        self.metrics.add(lambda: generate_latest(evidence).decode())


class Endpoint:
    """Serves GET /metrics while it is entered."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None

    def text(self) -> bytes:
        """Return what is shown now, in Prometheus' text format."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer((LOOPBACK, self.port), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="exporter").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        shown = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's name
                body = shown.text()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


class Exporter(Endpoint):
    """A gateway; leaving it is the end of its process, entering it again a new one at the same address."""

    def __init__(self) -> None:
        super().__init__()
        self.process = Process()

    def text(self) -> bytes:
        """Return all that the process has counted."""
        return self.process.metrics.text()

    def __enter__(self) -> Self:
        self.process = Process()
        return super().__enter__()

    def restart(self) -> None:
        """Become a new process at the same address, between two scrapes."""
        self.process = Process()

    def speak(
        self,
        arm: str,
        release: str,
        ok: int = 0,
        failed: int = 0,
        *,
        segment: str = "",
        service: str = "hibari",
        latency_s: float = 0.2,
    ) -> None:
        """Count requests as a gateway does, each of them a block of its own."""
        labels = (service, release, arm, segment, "127.0.0.1:8000")
        for outcome, count in (("ok", ok), ("failed", failed)):
            if count:
                self.process.requests.labels(*labels, outcome).inc(count)
                self.process.blocks.labels(*labels, outcome).inc(count)
        measured: Mapping[str, float] = {"latency": latency_s, "ttfa": latency_s / 2, "rtf": latency_s / 4}
        for measure, value in measured.items() if ok else ():
            self.process.measured.labels(*labels, measure, str(bucket_of(value))).inc(ok)


class Gauges(Endpoint):
    """Shows whatever gauges a test sets: name with labels -> value."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, float] = {}

    def text(self) -> bytes:
        """Return the gauges as they stand."""
        return "".join(f"{name} {value}\n" for name, value in dict(self.values).items()).encode()
