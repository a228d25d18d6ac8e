"""Facts as they are listed: a table for people; JSON, JSON lines and CSV with every field for programs."""

import csv
import json
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from controller.cli.answers import tell_json, tell_json_line, tell_table
from controller.cli.plain import plain
from controller.cli.words import written
from controller.log import iso

if TYPE_CHECKING:
    from controller.journal.facts import Recorded

_COLUMNS: Final = ("at", "service", "position", "type", "actor", "reason", "rollout", "cause", "hash", "event")


async def tell_rows(facts: "AsyncIterator[Recorded]", *, all_services: bool, none: str) -> None:
    """Show facts to people; of one service by position, of several by id, which `--after` takes as well."""
    rows = [
        (
            iso(one.at_ms / 1000),
            one.id if all_services else one.position,
            one.type,
            one.rollout,
            one.actor,
            written(one),
        )
        async for one in facts
    ]
    tell_table(("at", "fact", "what", "rollout", "who", "why"), rows, none=none)


async def tell_document(facts: "AsyncIterator[Recorded]") -> None:
    """Answer with one JSON list."""
    tell_json([_fields(one) async for one in facts])


async def tell_lines(facts: "AsyncIterator[Recorded]") -> None:
    """Answer with a JSON object a line, written as they are read."""
    async for one in facts:
        tell_json_line(_fields(one))


async def tell_csv(facts: "AsyncIterator[Recorded]") -> None:
    """
    Answer with CSV under a line of names, written as it is read; `event` is the fact's body, as JSON.

    On a terminal, which would obey what somebody wrote, that is written out; programs get it as it is.
    """
    # With both characters that may end a line, for it quotes what has one of those; written is the second alone.
    lines = csv.writer(_Lines(), lineterminator="\r\n")
    cell = plain if sys.stdout.isatty() else str
    lines.writerow(_COLUMNS)
    async for one in facts:
        fields = {**_fields(one), "event": one.body}
        lines.writerow([cell(str(fields[name])) for name in _COLUMNS])


class _Lines:
    def write(self, line: str) -> None:
        sys.stdout.write(line.removesuffix("\r\n") + "\n")


def _fields(one: "Recorded") -> dict[str, object]:
    return {
        "service": one.stream,
        "position": one.position,
        "at": iso(one.at_ms / 1000),
        "type": one.type,
        "actor": one.actor,
        "reason": one.reason,
        "rollout": one.rollout,
        "cause": one.cause,
        "event": json.loads(one.body),
        "hash": one.hash,
    }
