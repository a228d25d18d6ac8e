"""Local Prometheus and Alertmanager read the configuration they are given, and say what is wrong with a bad one."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import Broken
from controller.parts.alertmanager import start_alertmanager
from controller.parts.ports import free_port
from controller.parts.prometheus import start_prometheus
from tests.parts.every import ALERTMANAGER_CONFIG


def test_prometheus_scrapes_as_told(tmp_path: Path) -> None:
    """A configuration given as text is used: here the server scrapes itself within seconds."""
    port = free_port()
    config = (
        "global: {scrape_interval: 200ms}\n"
        f"scrape_configs: [{{job_name: itself, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    with start_prometheus(tmp_path, config, port) as prometheus:
        assert wait_for_samples(f"{prometheus.url}/api/v1/query?query=up") == ["itself"]


def test_prometheus_takes_a_file_with_its_rules(tmp_path: Path) -> None:
    """A configuration given as a path stays where it is, so rule files named by relative paths are found."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "prometheus.yml").write_text("rule_files: [rules.yml]\n")
    (shipped / "rules.yml").write_text("groups: [{name: g, rules: [{alert: Always, expr: vector(1)}]}]\n")
    with start_prometheus(tmp_path / "run", shipped / "prometheus.yml") as prometheus:
        groups = get(f"{prometheus.url}/api/v1/rules")["data"]["groups"]
    assert [rule["name"] for group in groups for rule in group["rules"]] == ["Always"]


def test_bad_configuration_is_quoted(tmp_path: Path) -> None:
    """A configuration that cannot be read ends the start with the server's own complaint."""
    with pytest.raises(Broken, match="no_such_field"):
        start_prometheus(tmp_path, "no_such_field: 1\n")


def test_alertmanager_holds_a_posted_alert(tmp_path: Path) -> None:
    """An alert that is posted is active; a restart at the same address forgets it, since its sender repeats it."""
    with start_alertmanager(tmp_path, ALERTMANAGER_CONFIG) as alertmanager:
        alerts = f"{alertmanager.url}/api/v2/alerts"
        post(alerts, [{"labels": {"alertname": "CandidateDown"}}])
        assert [alert["labels"] for alert in get(alerts)] == [{"alertname": "CandidateDown"}]
        alertmanager.restart()
        assert get(alerts) == []


def wait_for_samples(url: str) -> list[str]:
    deadline = time.monotonic() + 10
    while not (found := get(url)["data"]["result"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [sample["metric"]["job"] for sample in found]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback address
        return json.load(answer)


def post(url: str, body: object) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
