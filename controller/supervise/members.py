"""The members of a tree, made ready to be started: each with its folder, its configuration and its environment."""

from pathlib import Path
from typing import Final, assert_never

from controller.outside.alertmanager import render_alertmanager
from controller.outside.prometheus import Pace, Target, render_config, render_rules
from controller.parts.alertmanager import Alertmanager
from controller.parts.http import answers_ok
from controller.parts.installed import ROOT
from controller.parts.kafka import Kafka
from controller.parts.process import Process, Program
from controller.parts.prometheus import Prometheus
from controller.parts.triton import Triton
from controller.supervise.plan import Layout, Part, command, environment_of, reachable
from controller.supervise.tokens import Tokens

# It may begin before Kafka, which has a minute of its own.
_OWN_DEADLINE_S: Final = 120


def outside_part(part: Part, layout: Layout, tokens: Tokens, pace: Pace) -> Process:
    """Return an outside part with its configuration written; nothing runs yet."""
    folder, ports = layout.settings.data / part.value, layout.ports
    folder.mkdir(parents=True, exist_ok=True)
    match part:
        case Part.KAFKA:
            return Kafka(folder, ports["kafka"], ports["kafka_controller"])
        case Part.TRITON:
            layout.settings.repository.mkdir(parents=True, exist_ok=True)
            triton_ports = (ports["triton_http"], ports["triton_grpc"], ports["triton_metrics"])
            return Triton(folder, layout.settings.repository, triton_ports, {})
        case Part.PROMETHEUS:
            (folder / "rules.yml").write_text(render_rules(pace))
            text = render_config(_targets(layout), alertmanager=layout.settings.alertmanager, pace=pace)
            return Prometheus(folder, _written(folder / "prometheus.yml", text), ports["prometheus"])
        case Part.ALERTMANAGER:
            text = render_alertmanager(f"{layout.api_url}/alertmanager", tokens.alertmanager_file, pace=pace)
            return Alertmanager(folder, _written(folder / "alertmanager.yml", text), ports["alertmanager"])
    assert_never(part)


def own_process(name: str, layout: Layout, tokens: Tokens) -> Process:
    """Return one of our own processes; it is ready when its /ready says so."""
    port, host = layout.port(name), reachable(layout.settings.host)
    environment = environment_of(layout.settings, tokens.file, port)
    # Its working directory is its own folder, so a checkout that is not installed must be named.
    environment["PYTHONPATH"] = str(ROOT)
    program = Program(name, command(name), layout.settings.data / name, environment)
    return Process(program, ready=lambda: answers_ok(port, "/ready", host), deadline_s=_OWN_DEADLINE_S)


def _targets(layout: Layout) -> list[Target]:
    host = reachable(layout.settings.host)
    targets = [Target(name, f"{host}:{layout.port(name)}") for name in layout.processes]
    if Part.TRITON in layout.parts:
        targets.append(Target("triton", f"127.0.0.1:{layout.ports['triton_metrics']}", job="triton"))
    return targets


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
