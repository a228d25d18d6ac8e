"""Segue as an outsider meets it: publish with kafka-python, ask over HTTP, ask SQL."""

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from kafka import KafkaProducer

from controller.core.names import Release
from controller.demo.promise import Told, ended, otherwise, sought
from controller.supervise.tree import Tree

SERVICE = "hibari"


class Outsider:
    """A CI job and an auditor in one; knows addresses, a viewer's token and the database file, nothing else."""

    def __init__(self, *, kafka: str, api_url: str, token: str, gateway_url: str, database: Path) -> None:
        self._producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
        self._api = httpx.Client(base_url=api_url, headers={"authorization": f"Bearer {token}"}, timeout=10)
        self._gateway_url = gateway_url
        self._database = database

    @classmethod
    def of(cls, tree: Tree) -> "Outsider":
        """Return one who was told where the parts of a tree are."""
        return cls(
            kafka=tree.kafka,
            api_url=tree.api_url,
            token=tree.tokens.of("viewer"),
            gateway_url=tree.gateway_url,
            database=tree.settings.data / "segue.db",
        )

    def close(self) -> None:
        """Let go of connections."""
        self._producer.close()
        self._api.close()

    def request(self, release: Release, plan: Mapping[str, object], reason: str) -> None:
        """Publish `rollout.requested`, as any Kafka client would, and wait for Kafka's word."""
        event = {
            "specversion": "1.0",
            "type": "io.segue.rollout.requested",
            "source": "ci/voice-pipeline",
            "id": str(uuid.uuid4()),
            "data": {"service": SERVICE, "release": asdict(release), "plan": plan, "actor": "ci", "reason": reason},
        }
        sent = self._producer.send("rollout.requested", key=SERVICE.encode(), value=json.dumps(event).encode())
        sent.get(timeout=10)

    def facts(self) -> list[dict[str, Any]]:
        """Return the service's whole history."""
        facts: list[dict[str, Any]] = []
        while True:
            answer = self._api.get(f"/v1/services/{SERVICE}/history", params={"after": len(facts), "limit": 1000})
            page = answer.json()["facts"] if answer.status_code == 200 else []
            facts += page
            if len(page) < 1000:
                return facts

    def wait_for(self, promised: str, type: str, patience_s: float, **fields: object) -> Told:
        """
        Wait for a fact of this type whose event has these fields.

        promised: what it stands for, in words. Raises Otherwise, saying what came instead, as soon as `patience_s` are
        over or the rollout among the fields has ended.
        """
        deadline = time.monotonic() + patience_s
        while True:
            facts = self.facts()
            if (fact := sought(facts, type, **fields)) is not None:
                return fact
            rollout = fields.get("rollout", "")
            if ended(facts, rollout) or time.monotonic() > deadline:
                raise otherwise(f"{promised} within {patience_s:.0f} s", facts, rollout)
            time.sleep(0.1)

    def recorded_ms(self, position: int) -> float:
        """Ask SQL when the store committed a fact, milliseconds since 1970."""
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True) as database:
            query = (
                "SELECT (julianday(recorded_at) - 2440587.5) * 86400000 FROM journal WHERE stream = ? AND position = ?"
            )
            (recorded_ms,) = database.execute(query, (SERVICE, position)).fetchone()
        database.close()
        return float(recorded_ms)

    def speak(self, text: str, release: str, into: Path) -> None:
        """Keep what a release makes of a text as a WAV file."""
        body = {"model": SERVICE, "input": text, "response_format": "wav"}
        headers = {"x-segue-release": release}
        answer = httpx.post(f"{self._gateway_url}/v1/audio/speech", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        into.write_bytes(answer.content)
