"""What the API counts, and the middleware that counts it."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 3, 10)


class Metrics:
    """All series of one API, in a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "segue_api_requests_total", "Requests by route and HTTP status.", ("route", "code"), registry=registry
        )
        self.seconds = Histogram(
            "segue_api_request_seconds",
            "From the request's head to the answer's head.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.alerts = Counter(
            "segue_api_alerts_total",
            "Alerts that Kafka took from Alertmanager; malformed counts notifications that could not be read.",
            ("outcome",),
            registry=registry,
        )
        for outcome in ("accepted", "malformed"):
            self.alerts.labels(outcome)

    def text(self) -> bytes:
        """Return all series as Prometheus reads them."""
        return generate_latest(self.registry)


class Counted:
    """An ASGI app whose requests are counted by route; a path that is no route counts as "none"."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and count it when its answer begins."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun_s = time.perf_counter()

        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.requests.labels(route, str(message["status"])).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - begun_s)
            await send(message)

        await self._app(scope, receive, counting_send)
        return None
