"""
Environment to frozen Settings, read only where processes start.

Every variable begins with `SEGUE_`. An address left empty means: `segue up` starts that part itself.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from controller.brokers import MECHANISMS, PROTOCOLS, Brokers
from controller.core.errors import Malformed
from controller.given import given_kafka_password, given_tokens


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What a process needs to know of its surroundings.

    data: folder for everything this machine keeps (database, tables, logs). repository: Triton's model repository.
    tokens: token to role (see `controller.given.ROLES`); never printed. router: this gateway's own name.
    worker_port: where a worker process answers /health, /ready and /metrics; 0 takes a free port.
    drain_s: how long a release that nobody wants is kept at most, while somebody may still hear it. A gateway that
    ends goes on with what it speaks for as long, but for 25 s at most.
    triton_http: host:port, or several separated by commas, where releases live that name no endpoint of their own.
    triton_grpc: the same Tritons in the same order, where releases are loaded and probed; see `tritons`.
    hedge_after_s: how long a release may say nothing before another that may answer is asked; 0 is a quarter of
    release_timeout_s.
    eject_after: failures in a row after which a gateway leaves an endpoint alone. eject_first_s, eject_most_s: until
    the first probe of such an endpoint, and at most between two.
    observe_every_s: length of a window of measurements; at least twice what Prometheus lets pass between two scrapes.
    0 observes nothing: somebody else reports windows, or no plan has gates.
    signing_key: file with the key that signs checkpoints, "" signs none. trusted_keys: files with public keys whose
    checkpoints are believed besides, separated by commas.
    scenes: folder in which the scenes of rollouts that were taken back are kept, "" keeps none. scene_after_s: how long
    after the rollback a scene is made, and scene_span_s: how long before it what is kept begins at most.
    scene_keep_days: how long a scene is kept. scene_logs: files or patterns of files, separated by commas, whose lines
    go into a scene; "" takes those of the `segue up` of this data folder. scene_gateways: host:port of each gateway,
    or https://host:port, separated by commas, which gets a token of the role viewer; "prometheus" among them stands for
    all that Prometheus reads, "" asks none. scene_audio_mib: at most so much of what a rollout's release said to golden
    prompts is kept for its scene; 0 keeps none.
    tls_cert, tls_key: files in PEM with which gateway, API and workers serve HTTPS; "" serves HTTP.
    kafka_...: how Kafka's clients show who they are; see `brokers`.
    """

    data: Path = Path(".local/segue")
    database_url: str = ""
    kafka: str = ""
    kafka_security_protocol: str = PROTOCOLS[0]
    kafka_sasl_mechanism: str = MECHANISMS[0]
    kafka_username: str = ""
    kafka_password: str = field(default="", repr=False)
    kafka_ca: str = ""
    kafka_cert: str = ""
    kafka_key: str = ""
    topic_prefix: str = ""
    triton_grpc: str = ""
    triton_http: str = ""
    repository: Path = Path(".local/segue/models")
    prometheus: str = ""
    alertmanager: str = ""
    host: str = "127.0.0.1"
    gateway_port: int = 6006
    api_port: int = 8080
    worker_port: int = 0
    router: str = field(default_factory=lambda: f"gateway@{socket.gethostname()}")
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    notify_webhook: str = field(default="", repr=False)
    drain_s: float = 120
    probe_every_s: float = 5
    release_timeout_s: float = 30
    hedge_after_s: float = 0
    eject_after: int = 5
    eject_first_s: float = 1
    eject_most_s: float = 60
    observe_every_s: float = 10
    signing_key: str = ""
    trusted_keys: str = ""
    checkpoint_every_s: float = 300
    scenes: str = ""
    scene_after_s: float = 15
    scene_span_s: float = 900
    scene_keep_days: int = 90
    scene_logs: str = ""
    scene_gateways: str = ""
    scene_audio_mib: int = 16
    log_level: str = "INFO"
    tls_cert: str = ""
    tls_key: str = ""

    @property
    def database(self) -> str:
        """Return the database's URL; by default SQLite inside `data`."""
        return self.database_url or f"sqlite:///{self.data.resolve()}/segue.db"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must be told nobody; a password both as its URL has it and as the database knows it."""
        password = _password_in(self.database_url)
        secrets = (*self.tokens, self.notify_webhook, password, unquote(password), self.kafka_password)
        return tuple(one for one in dict.fromkeys(secrets) if one)

    @property
    def brokers(self) -> Brokers:
        """Return Kafka as its clients reach it. Raises Malformed when what is given does not fit together."""
        return Brokers(
            self.kafka,
            self.kafka_security_protocol,
            self.kafka_sasl_mechanism,
            self.kafka_username,
            self.kafka_password,
            self.kafka_ca,
            self.kafka_cert,
            self.kafka_key,
        )

    @property
    def tritons(self) -> Mapping[str, str]:
        """
        Return the gRPC address of each Triton by its HTTP endpoint.

        Where no HTTP endpoint is known, one gRPC address stands for itself. Raises Malformed when the two lists do not
        pair.
        """
        grpc, http = _listed(self.triton_grpc), _listed(self.triton_http)
        if not grpc:
            return {}
        if not http and len(grpc) == 1:
            http = grpc
        if len(http) != len(grpc) or len(set(http)) != len(http):
            raise Malformed(
                f"SEGUE_TRITON_GRPC is {self.triton_grpc!r} and SEGUE_TRITON_HTTP is {self.triton_http!r}; "
                "give both as many addresses, separated by commas, of the same Tritons in the same order, each once"
            )
        return dict(zip(http, grpc, strict=True))


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Read settings from the environment.

    SEGUE_TOKENS is "role:token,role:token"; SEGUE_TOKENS_FILE names a file with one such pair a line, and
    SEGUE_KAFKA_PASSWORD_FILE one with the password alone.
    Raises Malformed naming the variable, without ever quoting a token or a password.
    """
    known = {name: environment[f"SEGUE_{name.upper()}"] for name in _TEXT if environment.get(f"SEGUE_{name.upper()}")}
    paths = {
        name: Path(environment[f"SEGUE_{name.upper()}"]) for name in _PATHS if f"SEGUE_{name.upper()}" in environment
    }
    ports = {
        name: _number(environment, name, 0, 65_535, int) for name in _PORTS if f"SEGUE_{name.upper()}" in environment
    }
    seconds = {
        name: _number(environment, name, least, 86_400, float)
        for name, least in _SECONDS.items()
        if f"SEGUE_{name.upper()}" in environment
    }
    counts = {
        name: _number(environment, name, 1, 1_000, int) for name in _COUNTS if f"SEGUE_{name.upper()}" in environment
    }
    known |= given_kafka_password(environment)
    settings = Settings(**known, **paths, **ports, **seconds, **counts, tokens=given_tokens(environment))  # type: ignore[arg-type]  # the tables below name fields of these types only
    if settings.triton_http:
        # Read here, so that a pair that is none is told at the start; one that is left out may be added later.
        _ = settings.tritons
    # So are files that are no certificates: a client would be made again and again.
    settings.brokers.security()
    return settings


_TEXT = (
    "database_url",
    "kafka",
    "kafka_security_protocol",
    "kafka_sasl_mechanism",
    "kafka_username",
    "kafka_password",
    "kafka_ca",
    "kafka_cert",
    "kafka_key",
    "topic_prefix",
    "triton_grpc",
    "triton_http",
    "prometheus",
    "alertmanager",
    "host",
    "router",
    "notify_webhook",
    "signing_key",
    "trusted_keys",
    "scenes",
    "scene_logs",
    "scene_gateways",
    "log_level",
    "tls_cert",
    "tls_key",
)
_PATHS = ("data", "repository")
_PORTS = ("gateway_port", "api_port", "worker_port")
_MAY_BE_OFF = frozenset({"observe_every_s", "scene_audio_mib"})
"""These may be 0 besides, which turns them off."""
_SECONDS = {
    "drain_s": 0,
    "probe_every_s": 0,
    "release_timeout_s": 0,
    "hedge_after_s": 0,
    "eject_first_s": 0,
    "eject_most_s": 0,
    "observe_every_s": 1,
    "checkpoint_every_s": 1,
    "scene_after_s": 0,
    "scene_span_s": 1,
}
"""With the least that each may be."""
_COUNTS = ("eject_after", "scene_keep_days", "scene_audio_mib")


def _password_in(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:  # whoever opens the database says so, and tells nothing of it
        return ""


def _listed(addresses: str) -> list[str]:
    return [address.strip() for address in addresses.split(",") if address.strip()]


def _number(
    environment: Mapping[str, str], name: str, least: int, most: int, kind: type[int] | type[float]
) -> int | float:
    text = environment[f"SEGUE_{name.upper()}"]
    try:
        value = kind(text)
    except ValueError:
        value = None
    off = value == 0 and name in _MAY_BE_OFF
    if value is None or not (least <= value <= most or off):
        besides = ", or 0 to turn it off" if name in _MAY_BE_OFF else ""
        raise Malformed(f"SEGUE_{name.upper()} is {text[:80]!r}; give a number from {least} to {most}{besides}")
    return value
