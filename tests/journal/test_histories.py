"""Histories of former versions, with the messages that made them: today's code decides them as they were decided."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from controller.journal import Store, tables, views
from controller.journal.rebuild import rebuild
from controller.proof.look import verify
from controller.redecide import redecide

FOLDERS = sorted(file.parent for file in (Path(__file__).parents[1] / "histories").glob("*/inbox.jsonl"))


def rows(file: Path, *binary: str) -> list[dict[str, object]]:
    """Read the rows of a table as they were kept."""
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        {name: b64decode(value) if name in binary and value is not None else value for name, value in row.items()}
        for row in kept
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
async def test_a_recorded_history_is_decided_again_as_it_was(store: Store, folder: Path) -> None:
    """Every message leads to the facts it led to, field by field; and the facts are what was written then."""
    facts, messages = rows(folder / "journal.jsonl"), rows(folder / "inbox.jsonl", "key", "value")
    await store.write(lambda connection: connection.execute(tables.journal.insert(), facts))
    await store.write(lambda connection: connection.execute(tables.inbox.insert(), messages))
    assert (await rebuild(store)).facts == len(facts)
    assert (await verify(store)).findings == ()
    for one in await views.services(store):
        again = await redecide(store, one.service)
        assert again.otherwise == ()
        assert again.messages > 0


def test_there_is_a_history_to_decide_again() -> None:
    """A guard that guards nothing would pass as well."""
    assert FOLDERS
