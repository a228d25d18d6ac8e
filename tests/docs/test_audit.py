"""docs/audit.md tells the truth: its answers are those that both stores give, its columns those that the views have."""

import re
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from controller.core.errors import Broken
from controller.handle import handle
from controller.journal import Store
from controller.journal.rebuild import rebuild
from migrations.reporting import EVERY_VIEW
from tests.cli.segue import segue_in
from tests.docs.audit import PAGE, answered
from tests.journal.audited import audited, day, told
from tests.journal.conftest import Opened, cluster, kind, new_url, opened, store, templates, url

__all__ = ["cluster", "kind", "new_url", "opened", "store", "templates", "url"]

TEXT = PAGE.read_text()


async def test_every_answer_is_what_the_store_gives(store: Store, url: str, tmp_path: Path) -> None:
    """Each question in SQL and each command is asked of a store that holds the day, and answers as the page says."""
    await audited(store, tmp_path)
    assert await answered(TEXT, store, segue_in(tmp_path, SEGUE_DATABASE_URL=url)) == TEXT


def test_twenty_questions_are_answered() -> None:
    """There are as many as the page promises, and none without SQL."""
    questions = re.split(r"^### \d+\. ", TEXT, flags=re.MULTILINE)[1:]
    assert len(questions) == 20
    assert all("```sql\n" in question for question in questions)


async def test_every_column_is_told_in_order(store: Store, tmp_path: Path) -> None:
    """A view's table on the page names all its columns and no other, as the view has them."""
    await audited(store, tmp_path)
    for view in EVERY_VIEW:
        section = TEXT.split(f"## {view}\n")[1].split("\n## ")[0]
        cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
        assert named == list((await told(store, f"SELECT * FROM {view}"))[0])


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_a_role_of_its_own_can_run_segue_and_rewrite_nothing(store: Store, url: str, opened: Opened) -> None:
    """The statements shown give Segue all that it needs: it decides and rebuilds, and cannot change a fact."""
    (statements,) = re.findall(r"^```psql\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    owner = await asyncpg.connect(url.replace("+asyncpg", ""))
    await owner.execute(statements)
    try:
        role = make_url(url).set(username="segue_worker", password="change-me")
        app = await opened(role.render_as_string(hide_password=False))
        assert (await handle(app, list(day()))).facts
        assert (await rebuild(app)).facts > 0
        await owner.execute("ALTER TABLE journal DISABLE TRIGGER USER; ALTER TABLE inbox DISABLE TRIGGER USER")
        for table in ("journal", "inbox", "audit_events"):
            with pytest.raises(Broken, match="permission denied"):
                await app.write(partial(_empty, table))
        await app.close()
    finally:
        await owner.execute("DROP ROLE segue_worker")
        await owner.close()


def _empty(table: str, connection: Connection) -> None:
    connection.exec_driver_sql(f"DELETE FROM {table}")
