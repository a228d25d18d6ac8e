"""`segue up`, `down` and `status`: all of Segue on this machine."""

import os
import signal
import time
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from controller.cli.answers import FAILED, AsJson, tell_json, tell_table
from controller.cli.here import running_here
from controller.cli.plain import say
from controller.core.errors import Unavailable
from controller.settings import read_settings
from controller.supervise.record import Member, Record, is_held

_DOWN_WITHIN_S = 60
_ANSWERS_WITHIN_S = 2
_RUNNING = "running"


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

    Kafka, Triton, Prometheus and Alertmanager come along unless settings give their addresses (SEGUE_KAFKA,
    SEGUE_TRITON_GRPC with SEGUE_TRITON_HTTP, SEGUE_PROMETHEUS, SEGUE_ALERTMANAGER). Told to end, it ends with 0 once it
    was ready, and with 130 before.

    Example: segue up --pace fast
    """
    from controller.cli.up import run_up

    settings = read_settings()
    if not settings.scenes:
        settings = replace(settings, scenes=str(settings.data / "scenes"))
    run_up(settings, free_ports=free_ports, pace=pace.value, as_json=as_json)


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
        say("stopped")


def status(as_json: AsJson = False) -> None:
    """
    Show what runs on this machine: processes, addresses, restarts. Ends with 1 when something is down or not ready.

    Example: segue status --json
    """
    settings = read_settings()
    record = running_here(settings)
    states = {member.name: _state(member) for member in record.members}
    well = all(state == _RUNNING for state in states.values())
    if as_json:
        from dataclasses import asdict

        tell_json(asdict(record) | {"ok": well, "states": states})
    else:
        _show(record, states)
    if not well:
        raise typer.Exit(FAILED)


def _show(record: Record, states: dict[str, str]) -> None:
    tell_table(
        ("process", "state", "pid", "restarts", "log"),
        [(one.name, states[one.name], one.pid or "-", one.restarts, one.log) for one in record.members],
        none="nothing runs",
    )
    say("")
    tell_table(
        ("what", "where"), [(name, where) for name, where in record.addresses.items() if where], none="no addresses"
    )


def _state(member: Member) -> str:
    if member.pid is None or not _is_alive(member.pid):
        return "down"
    return _RUNNING if not member.ready_url or _answers_ok(member.ready_url) else "not ready"


def _answers_ok(url: str) -> bool:
    from http.client import OK
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310 - an address of the tree's own making
            return bool(answer.status == OK)
    except OSError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
