"""Every part by name, started with the least it needs. As a program: start one, say its pid, and wait to be killed."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from controller.parts.alertmanager import start_alertmanager
from controller.parts.kafka import start_kafka
from controller.parts.postgres import start_postgres
from controller.parts.process import Process
from controller.parts.prometheus import start_prometheus
from controller.parts.triton import start_triton
from tests.parts.echo import load_echo, write_echo

ALERTMANAGER_CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
PROMETHEUS_CONFIG = "global: {scrape_interval: 1s}\n"


def triton_with_a_stage(folder: Path) -> Process:
    """A server with one Python stage loaded: a process of Triton's own making."""
    server = start_triton(folder, write_echo(folder / "repository"))
    load_echo(server)
    return server


EVERY: dict[str, Callable[[Path], Process]] = {
    "kafka": start_kafka,
    "triton": triton_with_a_stage,
    "postgres": start_postgres,
    "prometheus": lambda folder: start_prometheus(folder, PROMETHEUS_CONFIG),
    "alertmanager": lambda folder: start_alertmanager(folder, ALERTMANAGER_CONFIG),
}

if __name__ == "__main__":
    part = EVERY[sys.argv[1]](Path(sys.argv[2]))
    print(part.pid, flush=True)
    time.sleep(600)
