"""
What Prometheus is told: which processes to read, which rules to judge them by, and at what pace.

The texts stand in deploy/prometheus as templates; a `Pace` fills their blanks.
`python -m controller.outside.prometheus`
writes deploy/prometheus/rules.yml, the rules at the production pace, for operators who run a Prometheus of their own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

FOLDER: Final = Path(__file__).resolve().parents[2] / "deploy"


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How fast and on how little evidence the rules speak. The defaults are meant for production.

    scrape_s, evaluate_s: whole seconds between two readings, and between two judgements.
    window_s: how far back failures count. failures: fewer say nothing. error_ratio: above it a release is bad.
    slow_window_s: how far back latency counts. utterances: fewer say nothing. first_audio_s: a 95th percentile of the
    time to first audio below it is never slow; slow_ratio: above it, slow is this many times what stable needs.
    overrun_ratio: a candidate without a place in time for a larger share of its users is too slow.
    real_time_factor: computing seconds per second of audio. patience_s: how long a slow or silent state must last.
    probe_window_s: longer than several probes. table_age_s: how long a router may hear nothing from Kafka.
    outbox_rows: more waiting than this is a jam. letters_window_s: how far back unread messages count.
    group_interval_s, repeat_s: Alertmanager's, for alerts that move traffic.
    """

    scrape_s: int = 5
    evaluate_s: int = 5
    window_s: int = 60
    failures: int = 5
    error_ratio: float = 0.02
    slow_window_s: int = 300
    utterances: int = 100
    first_audio_s: float = 1.0
    slow_ratio: float = 1.5
    overrun_ratio: float = 0.05
    real_time_factor: float = 0.9
    patience_s: int = 30
    probe_window_s: int = 20
    table_age_s: int = 30
    outbox_rows: int = 1000
    letters_window_s: int = 300
    group_interval_s: int = 5
    repeat_s: int = 60


PRODUCTION: Final = Pace()
FAST: Final = Pace(
    scrape_s=1,
    evaluate_s=1,
    window_s=30,
    failures=2,
    error_ratio=0.05,
    slow_window_s=30,
    utterances=20,
    patience_s=5,
    probe_window_s=10,
    table_age_s=10,
    letters_window_s=30,
    group_interval_s=1,
    repeat_s=30,
)
"""For a demonstration and for tests: two failures are enough, and they are seen within about two seconds."""
PACES: Final[Mapping[str, Pace]] = {"production": PRODUCTION, "fast": FAST}


@dataclass(frozen=True, slots=True)
class Target:
    """Something that answers GET /metrics at address ("host:port"); job "segue" is ours, "triton" is Triton's."""

    process: str
    address: str
    job: str = "segue"


def render_config(targets: Sequence[Target], *, alertmanager: str, pace: Pace = PRODUCTION) -> str:
    """
    Return a prometheus.yml that reads the targets, judges by rules.yml beside it, and alerts the Alertmanager.

    alertmanager: its URL, "" for none.
    """
    where = urlsplit(alertmanager)
    by_job = groupby(sorted(targets, key=lambda target: target.job), key=lambda target: target.job)
    # JSON is YAML: names and addresses need no quoting rules of ours.
    configs = [
        {
            "job_name": job,
            "static_configs": [{"targets": [one.address], "labels": {"process": one.process}} for one in members],
        }
        for job, members in by_job
    ]
    return fill(
        FOLDER / "prometheus" / "prometheus.template.yml",
        scrape_s=pace.scrape_s,
        evaluate_s=pace.evaluate_s,
        alertmanager_scheme=where.scheme or "http",
        alertmanagers=json.dumps([where.netloc] if where.netloc else []),
        scrape_configs=json.dumps(configs),
    )


def render_rules(pace: Pace = PRODUCTION) -> str:
    """Return the rules at this pace."""
    return fill(
        FOLDER / "prometheus" / "rules.template.yml",
        **asdict(pace),
        error_percent=f"{100 * pace.error_ratio:g}",
    )


def fill(template: Path, **values: object) -> str:
    """Return a template of deploy/ with its blanks, written @{name}, filled. Every blank must have a value."""
    return _Blanks(template.read_text()).substitute(values)


class _Blanks(Template):
    # Prometheus' own templates are full of dollars.
    delimiter = "@"


if __name__ == "__main__":
    (FOLDER / "prometheus" / "rules.yml").write_text(render_rules())
