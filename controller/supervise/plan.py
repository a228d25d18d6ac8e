"""
What a tree consists of, and where each member answers: decided before anything starts.

All addresses are chosen first, because the members name each other: Prometheus reads the gateway, Alertmanager calls
the API, and all of them speak to Kafka.
"""

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from controller.core.errors import Malformed, Unavailable
from controller.parts import ports
from controller.parts.ports import LOOPBACK
from controller.settings import Settings


class Part(StrEnum):
    """An outside part that a tree can bring along."""

    KAFKA = "kafka"
    TRITON = "triton"
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"


PARTS: Final = frozenset(Part)

FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "control": ("rollouts", "orders", "alerts", "signals", "relay", "timers", "checkpoints", "partitions"),
        "releases": ("releases", "notifier", "observer", "scenes"),
        "gateway": ("gateway",),
        "api": ("api",),
    }
)
"""The processes of one machine, and the functions that each hosts (`segue run NAME ...`)."""
PROCESSES: Final = tuple(FUNCTIONS)

_USUAL: Final = MappingProxyType(
    {
        "kafka": 9092,
        "kafka_controller": 9094,
        "triton_http": 8000,
        "triton_grpc": 8001,
        "triton_metrics": 8002,
        "prometheus": 9090,
        "alertmanager": 9093,
    }
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A part that does not listen where people expect it, for another program listens there."""

    part: Part
    usual: int
    port: int


@dataclass(frozen=True, slots=True)
class Layout:
    """
    settings: what every process is given, all addresses filled in. ports: of what we start ourselves, by name.
    parts: the outside parts to start. processes: ours to start. moved: parts that found their usual port taken.
    """

    settings: Settings
    ports: Mapping[str, int]
    parts: frozenset[Part]
    processes: tuple[str, ...]
    moved: tuple[Moved, ...] = ()

    @property
    def gateway_url(self) -> str:
        """Where people ask for speech."""
        return f"http://{reachable(self.settings.host)}:{self.settings.gateway_port}"

    @property
    def api_url(self) -> str:
        """Where Alertmanager and operators call."""
        return f"http://{reachable(self.settings.host)}:{self.settings.api_port}"

    def ready_url(self, process: str) -> str:
        """Return where one of our processes says whether it is ready."""
        return f"http://{reachable(self.settings.host)}:{self.port(process)}/ready"

    def port(self, process: str) -> int:
        """Return where one of our processes answers /ready and /metrics."""
        if process == "gateway":
            return self.settings.gateway_port
        if process == "api":
            return self.settings.api_port
        return self.ports[process]


def lay_out(settings: Settings, parts: Collection[Part], processes: Collection[str], *, free_ports: bool) -> Layout:
    """
    Choose every address. A part whose address settings give is not started, nor is one that `parts` leaves out.

    free_ports: take free ports everywhere; otherwise the gateway and the API must get the ports that settings name,
    and outside parts take their usual ones if nobody listens there.
    Raises Unavailable when a port that settings name is taken, Malformed when a process is unknown or TLS is asked for.
    """
    if unknown := set(processes) - set(PROCESSES):
        raise Malformed(f"there is no process {', '.join(sorted(unknown))}; choose among {', '.join(PROCESSES)}")
    if settings.tls_cert or settings.tls_key:
        raise Malformed("SEGUE_TLS_CERT is for processes of `segue run` alone; leave it out here")
    missing = frozenset(part for part in parts if not _given(settings, part))
    if Part.KAFKA in missing and not settings.brokers.open:
        raise Malformed(
            f"SEGUE_KAFKA_SECURITY_PROTOCOL is {settings.kafka_security_protocol}, and the Kafka that is started here "
            "lets in anybody; say in SEGUE_KAFKA where yours is, or leave it out"
        )
    names = [*_USUAL, *PROCESSES]
    chosen = dict(zip(names, ports.free_ports(len(names)), strict=True))
    if not free_ports:
        for name, usual in _USUAL.items():
            chosen[name] = usual if ports.is_free(usual) else chosen[name]
        for name, asked in (("gateway", settings.gateway_port), ("api", settings.api_port)):
            if name in processes:
                chosen[name] = _asked_for(name, asked)
    filled = replace(settings, data=settings.data.resolve(), repository=settings.repository.resolve())
    for name in ("signing_key", "scenes", "kafka_ca", "kafka_cert", "kafka_key"):
        if path := getattr(filled, name):
            filled = replace(filled, **{name: str(Path(path).resolve())})  # type: ignore[arg-type]  # these are texts
    if free_ports or "gateway" in processes:
        filled = replace(filled, gateway_port=chosen["gateway"])
    if free_ports or "api" in processes:
        filled = replace(filled, api_port=chosen["api"])
    if "gateway" in processes and not filled.scene_gateways:
        filled = replace(filled, scene_gateways=f"{reachable(filled.host)}:{filled.gateway_port}")
    addresses: dict[Part, dict[str, str]] = {
        Part.KAFKA: {"kafka": f"{LOOPBACK}:{chosen['kafka']}"},
        Part.TRITON: {
            "triton_http": f"{LOOPBACK}:{chosen['triton_http']}",
            "triton_grpc": f"{LOOPBACK}:{chosen['triton_grpc']}",
        },
        Part.PROMETHEUS: {"prometheus": f"http://{LOOPBACK}:{chosen['prometheus']}"},
        Part.ALERTMANAGER: {"alertmanager": f"http://{LOOPBACK}:{chosen['alertmanager']}"},
    }
    for part in missing:
        filled = replace(filled, **addresses[part])  # type: ignore[arg-type]  # the table above names text fields only
    moved = () if free_ports else tuple(_moved(chosen, missing))
    return Layout(filled, chosen, missing, tuple(name for name in PROCESSES if name in processes), moved)


def environment_of(settings: Settings, tokens_file: Path, worker_port: int) -> dict[str, str]:
    """Return the environment that makes a child read these settings; tokens travel by file."""
    environment = {
        f"SEGUE_{field.name.upper()}": str(getattr(settings, field.name))
        for field in fields(Settings)
        if field.name != "tokens"
    }
    own = {"SEGUE_WORKER_PORT": str(worker_port), "SEGUE_TOKENS": "", "SEGUE_TOKENS_FILE": str(tokens_file)}
    # It was read already, and a password is not to be given twice.
    return environment | own | {"SEGUE_KAFKA_PASSWORD_FILE": ""}


def command(process: str) -> list[str]:
    """Return the command line of one of our processes."""
    return [sys.executable, "-m", "controller.cli.hosting", *FUNCTIONS[process]]


def reachable(host: str) -> str:
    """Return the address at which this machine itself reaches what listens on host."""
    return LOOPBACK if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared with, not bound to


def _moved(chosen: Mapping[str, int], parts: Collection[Part]) -> Iterator[Moved]:
    for name, usual in _USUAL.items():
        part = Part(name.partition("_")[0])
        if part in parts and chosen[name] != usual:
            yield Moved(part, usual, chosen[name])


def _given(settings: Settings, part: Part) -> bool:
    match part:
        case Part.KAFKA:
            return bool(settings.kafka)
        case Part.TRITON:
            return bool(settings.triton_grpc or settings.triton_http)
        case Part.PROMETHEUS:
            return bool(settings.prometheus)
        case Part.ALERTMANAGER:
            return bool(settings.alertmanager)


def _asked_for(name: str, port: int) -> int:
    if port == 0:
        return ports.free_port()
    if not ports.is_free(port):
        raise Unavailable(
            f"port {port} for the {name} is taken: stop what listens there, "
            f"set SEGUE_{name.upper()}_PORT, or say --free-ports"
        )
    return port
