"""
Journals as former versions of Segue wrote them, and how to read them.

0.1.0: facts.jsonl as published on rollout.journal; states.jsonl and tables.jsonl, one service a line. Three services
with rollouts that were promoted, reverted, overridden, superseded and taken back, one that is still running, and a
message that could not be read.
0.1.0-demo: journal.jsonl and inbox.jsonl, the tables of those names after a demo, a row a line, as `record` keeps them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from controller.wire.strict import canonical

FOLDER = Path(__file__).parent / "0.1.0"


def lines(name: str) -> list[bytes]:
    """Return the lines of a recorded file."""
    return (FOLDER / name).read_bytes().splitlines()


def states() -> dict[str, dict[str, Any]]:
    """Return the recorded state of each service, as plain JSON."""
    return {state["service"]: state for state in map(json.loads, lines("states.jsonl"))}


def journal_rows() -> list[dict[str, Any]]:
    """Return the recorded facts as the rows that stood in the table `journal`."""
    return [_row(json.loads(line)["data"]) for line in lines("facts.jsonl")]


def still_says(recorded: object, now: object) -> bool:
    """Say whether what was recorded is still so; a newer Segue may have more to say, and nothing else."""
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        return all(name in now and still_says(value, now[name]) for name, value in recorded.items())
    if isinstance(recorded, Sequence) and isinstance(now, Sequence) and not isinstance(recorded, str):
        return len(recorded) == len(now) and all(map(still_says, recorded, now))
    return recorded == now


def _row(fact: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: fact[name] for name in ("position", "type", "schema", "at_ms", "cause", "prev_hash", "hash")}
    said = {name: fact["event"][name] for name in ("actor", "reason", "rollout")}
    times = {"occurred_at": fact["at_ms"], "recorded_at": fact["at_ms"]}
    stream = {"stream": fact["service"], "id": f"{fact['service']}/{fact['position']}"}
    return {**own, **said, **times, **stream, "body": canonical(fact["event"])}
