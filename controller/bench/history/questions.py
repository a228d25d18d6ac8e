"""
What auditors ask: the questions of docs/audit.md, word for word, each about another service, rollout, person and time.

The page is the only place where they stand. Its day is that of hibari; here it becomes a day on which a rollout of any
service was taken back.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from sqlalchemy import text

from controller.core.errors import Broken
from controller.journal import Store
from controller.parts.installed import ROOT
from controller.wire.envelope import time_text
from controller.wire.strict import parse_object

_PAGE: Final = ROOT / "docs" / "audit.md"
_QUESTION: Final = re.compile(r"^### (\d+)\. (.*?)\n(.*?)(?=^### |^## |\Z)", re.MULTILINE | re.DOTALL)
_SQL: Final = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ITS_MOMENT_MS: Final = 1_772_449_800_000
"""2026-03-02T11:10:00Z: on the page, a release was taken back then."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the page. number: as the page counts them. sql: as it stands there."""

    number: int
    told: str
    sql: str


@dataclass(frozen=True, slots=True)
class Incident:
    """A rollout that was taken back: what a question is about."""

    service: str
    rollout: str
    version: str
    cause: str
    person: str
    at_ms: int


def questions() -> list[Question]:
    """Return what the page asks. Raises Broken where it is not there, as in an installed package."""
    if not _PAGE.exists():
        raise Broken(f"{_PAGE} has the questions and is not there: run it in a checkout of the sources")
    found = [
        Question(int(number), told, sql.group(1).strip())
        for number, told, rest in _QUESTION.findall(_PAGE.read_text())
        if (sql := _SQL.search(rest))
    ]
    if not found:
        raise Broken(f"{_PAGE} has no question with SQL: restore the page first")
    return found


def about(question: str, incident: Incident) -> str:
    """Return a question's SQL about an incident."""
    words = {
        "hibari": incident.service,
        "1.5.0": incident.version,
        "1.6.0": incident.version,
        "f00d-firing": incident.cause,
        "lena": incident.person,
    }
    sql = re.sub(r"'hibari-\d+'", f"'{incident.rollout}'", question)
    for word, by in words.items():
        sql = sql.replace(f"'{word}'", f"'{by}'")
    return _MOMENT.sub(lambda found: _moved(found.group(), incident.at_ms), sql)


def _moved(moment: str, at_ms: int) -> str:
    return time_text(round(datetime.fromisoformat(moment).timestamp() * 1000) + at_ms - _ITS_MOMENT_MS)


async def incidents(store: Store, count: int, random: Random) -> Sequence[Incident]:
    """Return so many rollouts that were taken back, drawn from all that were."""
    rows = await store.rows(_ENDED, {})
    drawn = [random.choice(rows) for _ in range(count)] if rows else []
    return [
        Incident(row.stream, row.rollout, _version(row.body), row.cause, random.choice(_PEOPLE), row.at_ms)
        for row in drawn
    ]


def _version(body: str) -> str:
    release = parse_object(body.encode(), "fact", len(body))["release"]
    assert isinstance(release, dict)
    return str(release["version"])


_PEOPLE: Final = ("lena", "tomo", "ann", "kei", "noor")
_ENDED: Final = text(
    "SELECT stream, rollout, body, cause, at_ms FROM journal "
    "WHERE type = 'RolloutAborted' AND type <> 'WindowMeasured' ORDER BY stream, position"
)
