"""`segue up`, `down` and `status`: all of Segue on this machine."""

import os
import signal
import time
from enum import StrEnum
from typing import Annotated

import typer

from controller.cli.answers import AsJson, tell_json, tell_table
from controller.cli.here import running_here
from controller.core.errors import Unavailable
from controller.settings import read_settings
from controller.supervise.record import Record, is_held

_DOWN_WITHIN_S = 60


class PaceName(StrEnum):
    """How fast the rules of the Prometheus that we start speak."""

    PRODUCTION = "production"
    FAST = "fast"


def up(
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Take free ports everywhere.")] = False,
    pace: Annotated[PaceName, typer.Option(help="How fast Prometheus judges.")] = PaceName.PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """
    Start all of Segue on this machine, and watch over it until Ctrl-C.

    Kafka, Triton, Prometheus and Alertmanager come along unless settings give their addresses
    (SEGUE_KAFKA, SEGUE_TRITON_GRPC, SEGUE_PROMETHEUS, SEGUE_ALERTMANAGER).

    Example: segue up --pace fast
    """
    from controller.cli.up import run_up

    run_up(read_settings(), free_ports=free_ports, pace=pace.value, as_json=as_json)


def down(as_json: AsJson = False) -> None:
    """
    Stop the Segue that runs on this machine.

    Example: segue down
    """
    settings = read_settings()
    record = running_here(settings)
    os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_WITHIN_S
    while is_held(settings.data):
        if time.monotonic() > deadline:
            raise Unavailable(f"process {record.pid} did not end within {_DOWN_WITHIN_S} s: end it with kill -9")
        time.sleep(0.05)
    if as_json:
        tell_json({"stopped": record.pid})
    else:
        typer.echo("stopped")


def status(as_json: AsJson = False) -> None:
    """
    Show what runs on this machine: processes, addresses, restarts. Ends with 1 when something does not run.

    Example: segue status --json
    """
    settings = read_settings()
    record = running_here(settings)
    down_now = [member.name for member in record.members if member.pid is None or not _is_alive(member.pid)]
    if as_json:
        from dataclasses import asdict

        tell_json(asdict(record) | {"ok": not down_now})
    else:
        _show(record, down_now)
    if down_now:
        raise typer.Exit(1)


def _show(record: Record, down_now: list[str]) -> None:
    tell_table(
        ("process", "state", "pid", "restarts", "log"),
        [
            (one.name, "down" if one.name in down_now else "running", one.pid or "-", one.restarts, one.log)
            for one in record.members
        ],
        none="nothing runs",
    )
    typer.echo("")
    tell_table(
        ("what", "where"), [(name, where) for name, where in record.addresses.items() if where], none="no addresses"
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
