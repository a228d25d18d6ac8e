"""What the functions count about themselves; Prometheus reads it from each worker's /metrics."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_FAST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

MESSAGES: Final = Counter(
    "segue_messages", "Messages taken from Kafka and settled, by function and outcome.", ["function", "outcome"]
)
DECIDE_SECONDS: Final = Histogram(
    "segue_decide_seconds", "From a batch's arrival to its commit.", ["function"], buckets=_FAST_S
)
FACTS: Final = Counter("segue_facts", "Facts written to the journal, by type.", ["type"])
DEAD_LETTERS: Final = Counter(
    "segue_dead_letters", "Messages put into the dead letters, by where they came from.", ["topic"]
)
RETRIES: Final = Counter("segue_retries", "Attempts that failed because a neighbour did not answer.", ["function"])
RESTARTS: Final = Counter(
    "segue_restarts", "How often a function ended by an error and was started again.", ["function"]
)
OUTBOX_ROWS: Final = Gauge("segue_outbox_rows", "Messages committed and not yet acknowledged by Kafka, as last seen.")
RELAYED: Final = Counter("segue_relayed", "Messages from the outbox that Kafka acknowledged, by topic.", ["topic"])
RELAY_SECONDS: Final = Histogram(
    "segue_relay_seconds", "From reading a batch of the outbox to Kafka's acknowledgement.", buckets=_FAST_S
)
TIMERS_DUE: Final = Gauge("segue_next_timer_timestamp_seconds", "When the earliest timer is due; 0 when none runs.")
PROBE_UP: Final = Gauge(
    "segue_probe_up",
    "1 when the release answered its last probe on the endpoint with sound audio.",
    ["ensemble", "release", "service", "endpoint"],
)
PROBE_SECONDS: Final = Histogram(
    "segue_probe_seconds",
    "How long a release took for its probe.",
    ["ensemble", "release", "service", "endpoint"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LOAD_SECONDS: Final = Gauge(
    "segue_release_load_seconds", "How long the release took to load.", ["ensemble", "release", "endpoint"]
)
HEALS: Final = Counter(
    "segue_release_heals",
    "Releases reloaded because they had fallen silent.",
    ["ensemble", "release", "endpoint"],
)
CHECKPOINTS: Final = Counter("segue_checkpoints", "Signed words of how far a service's history had got.")
REFUSED: Final = Gauge(
    "segue_checkpoints_refused", "Services that are signed no further, for they no longer hold what was signed."
)
SCENES: Final = Counter("segue_scenes", "Scenes of rollouts that were taken back, by outcome.", ["outcome"])
NOTICES: Final = Counter("segue_notices", "Notices told to people, by way and outcome.", ["way", "outcome"])
WINDOWS: Final = Counter("segue_observer_windows", "Windows of measurements sent, by what was seen.", ["outcome"])
BLIND_WINDOWS: Final = Counter(
    "segue_observer_blind_windows", "Windows in which nothing could be measured.", ["service"]
)
TICK_SECONDS: Final = Histogram(
    "segue_observer_tick_seconds", "From looking at all services to the last window sent.", buckets=_FAST_S
)
WINDOW_LAG: Final = Gauge("segue_observer_lag_seconds", "From the end of the last window to its being sent.")
