"""What the gateway counts, by service, release and arm; gates and alerts read these, not Triton's own counters."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60)
_REAL_TIME = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5)
_ARM = ("service", "release", "arm")


class ArmMetrics:
    """One release on one arm of one service; its children are looked up once, for a look-up is dearer than a count."""

    def __init__(self, metrics: "Metrics", service: str, release: str, arm: str) -> None:
        labels = (service, release, arm)
        self.outcomes = {
            outcome: metrics.requests.labels(*labels, outcome) for outcome in ("ok", "error", "timeout", "rejected")
        }
        self.request_seconds = metrics.request_seconds.labels(*labels)
        self.first_audio_seconds = metrics.first_audio_seconds.labels(*labels)
        self.real_time_factor = metrics.real_time_factor.labels(*labels)
        self.audio_seconds = metrics.audio_seconds.labels(*labels)
        self.characters = metrics.characters.labels(*labels)


class Metrics:
    """All series of one gateway, in a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "segue_requests_total", "Attempts on a release, by outcome.", (*_ARM, "outcome"), registry=registry
        )
        user_requests = Counter(
            "segue_user_requests_total",
            "Requests as users saw them, by HTTP status; 499 is a caller who left.",
            ("service", "code"),
            registry=registry,
        )
        # These two are counted with every request, so their children are looked up once, as those of an arm are.
        self.user_requests = cache(user_requests.labels)
        self.request_seconds = Histogram(
            "segue_request_seconds",
            "From asking a release to its last audio, time-outs and callers who left included, errors not.",
            _ARM,
            buckets=_SECONDS,
            registry=registry,
        )
        self.first_audio_seconds = Histogram(
            "segue_first_audio_seconds",
            "From asking a release to its first audio.",
            _ARM,
            buckets=_SECONDS,
            registry=registry,
        )
        self.real_time_factor = Histogram(
            "segue_real_time_factor",
            "Seconds of inference per second of audio.",
            _ARM,
            buckets=_REAL_TIME,
            registry=registry,
        )
        self.audio_seconds = Counter("segue_audio_seconds_total", "Audio spoken, seconds.", _ARM, registry=registry)
        self.characters = Counter("segue_characters_total", "Characters spoken.", _ARM, registry=registry)
        self.failovers = Counter(
            "segue_failovers_total",
            "Utterances for which another release was asked instead of this one, by why: how it failed (failed, "
            "timed_out, away, not_loaded, none_left), overrun (no place in time) or late (the other was heard first).",
            ("service", "release", "why"),
            registry=registry,
        )
        self.hedges = Counter(
            "segue_hedges_total",
            "Utterances for which another release was asked beside this one, which had said nothing yet.",
            ("service", "release"),
            registry=registry,
        )
        self.mirror_dropped = Counter(
            "segue_mirror_dropped_total",
            "Requests that were to be copied to this release and were not, because it or the mirror was busy.",
            ("service", "release"),
            registry=registry,
        )
        self.audio_check_failures = Counter(
            "segue_audio_check_failures_total",
            "Answers that are plainly wrong as audio.",
            ("service", "release", "check"),
            registry=registry,
        )
        self.broken_streams = Counter(
            "segue_broken_streams_total",
            "Streams that had to be cut off because their release failed after the first byte.",
            ("service", "release"),
            registry=registry,
        )
        self.endpoint_ejections = Counter(
            "segue_endpoint_ejections_total",
            "Endpoints that were left alone for a release because it failed there too often in a row.",
            ("endpoint", "ensemble"),
            registry=registry,
        )
        self.endpoints_ejected = Gauge(
            "segue_endpoint_ejected",
            "1 while an endpoint is left alone for a release.",
            ("endpoint", "ensemble"),
            registry=registry,
        )
        self.routing_epoch = Gauge(
            "segue_routing_epoch", "Epoch of the routing table in use.", ("service",), registry=registry
        )
        self.tables_refused = Counter(
            "segue_routing_tables_refused_total",
            "Routing tables refused because a newer epoch is in use.",
            ("service",),
            registry=registry,
        )
        self._table_age = Gauge(
            "segue_routing_table_age_seconds", "Since the follower last heard from Kafka.", registry=registry
        )
        # A counter that begins anew and one that is new look alike; who counts differences has to know which it is.
        Gauge(
            "segue_gateway_started_timestamp_seconds", "When this gateway started, since 1970.", registry=registry
        ).set_to_current_time()
        inflight = Gauge(
            "segue_inflight", "Utterances that a release works on now.", ("service", "release"), registry=registry
        )
        self.inflight = cache(inflight.labels)
        self.arm = cache(self._arm)
        self._more: list[Callable[[], str]] = []

    def watch_age(self, age_s: Callable[[], float]) -> None:
        """Ask `age_s` for the routing table's age whenever somebody looks."""
        self._table_age.set_function(age_s)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry) + "".join(text() for text in self._more).encode()

    def add(self, text: Callable[[], str]) -> None:
        """Let somebody who counts for themselves add their series; text: in Prometheus' text format."""
        self._more.append(text)

    def _arm(self, service: str, release: str, arm: str) -> ArmMetrics:
        return ArmMetrics(self, service, release, arm)
