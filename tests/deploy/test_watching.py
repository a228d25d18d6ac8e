"""What Prometheus and Alertmanager are told is what they understand, and it makes them speak within seconds."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.outside.alertmanager import render_alertmanager
from controller.outside.prometheus import FAST, FOLDER, PACES, PRODUCTION, Pace, Target, render_config, render_rules
from controller.parts.alertmanager import start_alertmanager
from controller.parts.prometheus import start_prometheus

TARGETS = (Target("gateway", "127.0.0.1:6006"), Target("triton", "127.0.0.1:8002", job="triton"))


def says_yes(*argv: str, cwd: Path) -> None:
    """Run a checker; it must end with 0."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_that_operators_take_are_those_at_the_production_pace() -> None:
    """deploy/prometheus/rules.yml is what `python -m controller.outside.prometheus` writes."""
    assert (FOLDER / "prometheus" / "rules.yml").read_text() == render_rules(PRODUCTION)


def test_the_rules_do_what_their_tests_say() -> None:
    """promtool passes every unit test of the rules."""
    says_yes("promtool", "test", "rules", "rules.test.yml", cwd=FOLDER / "prometheus")


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_prometheus_understands_its_configuration(pace: Pace, tmp_path: Path) -> None:
    """promtool accepts the scrape configuration and the rules at every pace."""
    (tmp_path / "rules.yml").write_text(render_rules(pace))
    (tmp_path / "prometheus.yml").write_text(render_config(TARGETS, alertmanager="http://127.0.0.1:9093", pace=pace))
    says_yes("promtool", "check", "config", "prometheus.yml", cwd=tmp_path)


def test_prometheus_is_told_whom_to_read_and_whom_to_alert() -> None:
    """Every target stands under its job with its process's name; the Alertmanager by host and port."""
    config = yaml.safe_load(render_config(TARGETS, alertmanager="https://alerts.example:9093"))
    jobs = {job["job_name"]: job["static_configs"] for job in config["scrape_configs"]}
    assert jobs == {
        "segue": [{"targets": ["127.0.0.1:6006"], "labels": {"process": "gateway"}}],
        "triton": [{"targets": ["127.0.0.1:8002"], "labels": {"process": "triton"}}],
    }
    assert config["alerting"]["alertmanagers"] == [
        {"scheme": "https", "static_configs": [{"targets": ["alerts.example:9093"]}]}
    ]


def test_every_alert_says_what_it_leads_to_and_what_happened() -> None:
    """Each rule has an action that Segue knows, a severity, and two annotations for people."""
    rules = [rule for group in yaml.safe_load(render_rules())["groups"] for rule in group["rules"] if "alert" in rule]
    assert len(rules) >= 10
    for rule in rules:
        assert rule["labels"]["action"] in ("rollback", "hold", "notify"), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert {"summary", "description"} == set(rule["annotations"]), rule["alert"]


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_alertmanager_understands_its_configuration(pace: Pace, tmp_path: Path) -> None:
    """amtool accepts the routes at every pace."""
    (tmp_path / "token").write_text("a-token")
    config = tmp_path / "alertmanager.yml"
    config.write_text(render_alertmanager("http://127.0.0.1:8080/alertmanager", tmp_path / "token", pace=pace))
    says_yes("amtool", "check-config", str(config), cwd=tmp_path)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("service=hibari action=rollback", "segue,people"),
        ("service=hibari action=hold", "segue,people"),
        ("service=hibari action=notify", "segue,people"),
        ("service=hibari severity=critical", "segue,people"),
        ("alertname=SegueProcessDown action=notify", "people"),
    ],
)
def test_alerts_find_their_receivers(labels: str, receivers: str, tmp_path: Path) -> None:
    """Whatever names a service goes to Segue, once; everything goes to people."""
    config = tmp_path / "alertmanager.yml"
    config.write_text(render_alertmanager("http://127.0.0.1:8080/alertmanager", tmp_path / "token"))
    argv = ["amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receivers}"]
    says_yes(*argv, *labels.split(), cwd=tmp_path)


def wait_until(true: Callable[[], bool], within_s: float) -> None:
    """Ask again and again; fail when it is not true in time."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)


@dataclass
class Service:
    """A service that counts failures, and the webhook that hears of them; both on one port."""

    failures: int = 0
    scrapes: int = 0
    heard: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    port: int = 0

    def metrics(self) -> bytes:
        """Return the counters as a gateway shows them: a series is there once something was counted."""
        self.scrapes += 1
        labels = 'service="hibari",release="1.6.0",arm="candidate"'
        counted = f'segue_requests_total{{{labels},outcome="error"}} {self.failures}\n' if self.failures else ""
        return f'segue_requests_total{{{labels},outcome="ok"}} 20\n{counted}'.encode()


@pytest.fixture
def service() -> Iterator[Service]:
    """Serve metrics and take webhooks on a free port."""
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(state.metrics())

        def do_POST(self) -> None:
            state.tokens.add(self.headers["Authorization"])
            state.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


def test_two_failures_reach_the_webhook_within_seconds(service: Service, tmp_path: Path) -> None:
    """At the fast pace a counter born with two failures becomes an authorised rollback webhook in about two seconds."""
    (tmp_path / "token").write_text("a-token-of-some-length")
    webhook = f"http://127.0.0.1:{service.port}/alertmanager"
    config = render_alertmanager(webhook, tmp_path / "token", pace=FAST)
    with start_alertmanager(tmp_path / "alertmanager", config) as alertmanager:
        folder = tmp_path / "prometheus"
        folder.mkdir()
        (folder / "rules.yml").write_text(render_rules(FAST))
        targets = [Target("gateway", f"127.0.0.1:{service.port}")]
        with start_prometheus(folder, render_config(targets, alertmanager=alertmanager.url, pace=FAST)):
            wait_until(lambda: service.scrapes >= 3, within_s=20)
            assert service.heard == []
            service.failures = 2
            since = time.monotonic()
            wait_until(lambda: bool(service.heard), within_s=10)
            took_s = time.monotonic() - since
    names = {alert["labels"]["alertname"] for body in service.heard for alert in body["alerts"]}
    assert "SegueCandidateFailing" in names
    labels = service.heard[0]["alerts"][0]["labels"]
    assert (labels["service"], labels["release"], labels["action"]) == ("hibari", "1.6.0", "rollback")
    assert service.tokens == {"Bearer a-token-of-some-length"}
    assert took_s < 4
