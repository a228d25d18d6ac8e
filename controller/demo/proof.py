"""The last act: the rollback explained, the whole history proven, and one changed word found."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from controller.cli.story import story
from controller.core.events import RolloutAborted
from controller.demo.outsider import SERVICE
from controller.demo.show import Show
from controller.journal import views
from controller.journal.facts import of_rollout
from controller.journal.store import open_store
from controller.log import iso
from controller.outside.signing import read_signer, read_trusted
from controller.proof.look import verify
from controller.redecide import redecide
from controller.supervise.tree import Tree


@dataclass(frozen=True, slots=True)
class Proven:
    """
    What was shown of the history.

    verified: both copies of the journal are what was written. redecided: every message leads to the same facts again.
    checkpoints: signed ones that vouch for it. tampering_found: what is said of a word changed in a copy, "" if
    nothing.
    """

    verified: bool
    redecided: bool
    checkpoints: int
    tampering_found: str


async def prove(tree: Tree, rollout: str, folder: Path, show: Show) -> Proven:
    """Tell the story of a rollout from the journal, verify all of it, and look for a word changed in a copy."""
    show.title(f"h. what the history says of {rollout} (segue explain), and whether it can be believed (segue verify)")
    store = await open_store(tree.settings.database)
    try:
        facts = [fact async for fact in of_rollout(store, SERVICE, rollout)]
        for sentence in story(facts):
            show.happened(sentence.text, at=iso(sentence.at_ms / 1000))
        signer = read_signer(tree.settings.signing_key)
        found = await verify(store, tree.kafka, trusted=read_trusted("", signer))
        _told(
            show,
            not found.findings,
            f"{found.sql_facts} facts in SQL and Kafka are what was written, by {found.checkpoints} signed checkpoints",
        )
        again = [await redecide(store, one.service) for one in await views.services(store)]
        same = not any(one.otherwise for one in again)
        _told(show, same, f"{sum(one.messages for one in again)} messages decided again lead to the same facts")
        aborted = next(fact.position for fact in facts if isinstance(fact.event, RolloutAborted))
        said = await _tampered(aborted, folder / "tampered.db", tree.settings.data / "segue.db")
        _told(show, bool(said), f"one word changed in a copy of the database: {said or 'NOT FOUND'}")
    finally:
        await store.close()
    return Proven(not found.findings, same, found.checkpoints, said)


async def _tampered(position: int, copy: Path, original: Path) -> str:
    """Change who took the release back, in a copy, and return what verifying that copy says."""
    with closing(sqlite3.connect(original)) as source, closing(sqlite3.connect(copy)) as database:
        source.backup(database)
        database.execute("DROP TRIGGER journal_no_update")
        change = "UPDATE journal SET actor = 'nobody', body = replace(body, actor, 'nobody') WHERE position = ?"
        database.execute(f"{change} AND stream = ?", (position, SERVICE))
        database.commit()
    tampered = await open_store(f"sqlite:///{copy}")
    try:
        findings = (await verify(tampered)).findings
    finally:
        await tampered.close()
    if [(one.stream, one.position) for one in findings] != [(SERVICE, position)]:
        return ""
    return f"{findings[0].stream}/{findings[0].position} is {findings[0].tampering}"


def _told(show: Show, kept: bool, text: str) -> None:
    show.happened(text, "green" if kept else "bold red")
