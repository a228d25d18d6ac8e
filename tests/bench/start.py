"""
From `segue up` to ready where there is a history already, with the time that a bare Kafka takes on the same folder.

Triton runs before, as it does where it is shared: how long it loads models is its own. The first start of all is not
counted, for it makes topics and folders that a second one finds.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from controller.bench.figures import Figure
from controller.bench.history.filling import Size, fill_postgres, fill_sqlite
from controller.bench.history.template import written
from controller.parts.installed import ROOT
from controller.parts.kafka import Kafka
from controller.parts.ports import free_ports
from controller.parts.postgres import Postgres
from controller.parts.process import Process, Program
from controller.parts.triton import Triton, start_triton

MOST_S: Final = 3.0
_SIZE: Final = Size(100, 1_000, 3, 2)
_WITHIN_S: Final = 120.0


def measure(part: str, folder: Path, server: Postgres | None, rounds: int) -> list[Figure]:
    """Fill a store, start Segue on it `rounds` times and Kafka alone as often, and return the figures."""
    database_url, facts = _filled(folder, server)
    data = folder / "segue"
    with start_triton(folder / "triton", folder / "models") as triton:
        environment = _environment(data, folder / "models", database_url, triton)
        with _up(folder, environment):
            pass
        ours_s, kafka_s = list[float](), list[float]()
        for _ in range(rounds):
            with _up(folder, environment) as took_s:
                ours_s.append(took_s)
            kafka_s.append(_kafka_s(data / "kafka"))
    took, floor = median(ours_s), median(kafka_s)
    told = f"journal of {facts:,} facts; Kafka alone: {floor:.1f} s"
    return [
        Figure(part, "segue up to ready, Triton being there", took, "s", most=MOST_S, told=told),
        Figure(part, "the same, beyond Kafka alone", took - floor, "s"),
    ]


def _filled(folder: Path, server: Postgres | None) -> tuple[str, int]:
    made = [written(seed, _SIZE.facts_each, _SIZE.rollouts_each) for seed in range(_SIZE.templates)]
    if server is not None:
        url = server.create("started")
        return url, fill_postgres(url, _SIZE, made, _to_nobody)
    file = folder / "started.db"
    return f"sqlite:///{file}", fill_sqlite(file, _SIZE, made, _to_nobody)


def _to_nobody(told: str) -> None:
    """Filling takes seconds here."""


def _environment(data: Path, repository: Path, database_url: str, triton: Triton) -> dict[str, str]:
    return {
        "SEGUE_DATA": str(data),
        "SEGUE_REPOSITORY": str(repository),
        "SEGUE_DATABASE_URL": database_url,
        "SEGUE_TRITON_GRPC": triton.grpc,
        "SEGUE_TRITON_HTTP": triton.http,
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def _up(folder: Path, environment: dict[str, str]) -> Iterator[float]:
    """Run `segue up` as a person would; gives how long it took until it said that it is ready, seconds."""
    log = folder / "up.log"
    log.write_text("")
    argv = [sys.executable, "-m", "controller.cli", "up", "--free-ports"]
    program = Program("up", argv, folder, environment, grace_s=60)
    began = time.perf_counter()
    with Process(program, ready=lambda: "Segue is ready" in log.read_text(), deadline_s=_WITHIN_S).start():
        yield time.perf_counter() - began


def _kafka_s(folder: Path) -> float:
    """Start a broker on what `segue up` left, and return how long it took until it may serve, seconds."""
    port, controller_port = free_ports(2)
    began = time.perf_counter()
    with Kafka(folder, port, controller_port).start():
        return time.perf_counter() - began
