"""
The answers of docs/audit.md and docs/report.md, made by asking each SQL block and command of a store with their past.

`python -m tests.docs.audit` writes them into the pages, and draws the chart of the report.
"""

import asyncio
import re
import shlex
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.parts.installed import ROOT
from controller.wire.inbound import Input
from tests.cli.segue import Segue, segue_in
from tests.journal.audited import day, filled, told
from tests.journal.reported import months

PAGE = ROOT / "docs" / "audit.md"
REPORT = ROOT / "docs" / "report.md"
CHART = ROOT / "docs" / "report.svg"

_ASKED = re.compile(r"^```(sql|sh)\n(.*?)^```\n(?:\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL)

_HASH = re.compile(r"[0-9a-f]{64}")


async def answered(page: str, store: Store, segue: Segue) -> str:
    """Return the page with the answers that this store gives."""
    parts, end = [], 0
    for block in _ASKED.finditer(page):
        language, asked = block.groups()
        answer = await _rows(store, asked) if language == "sql" else await _printed(segue, asked)
        parts += [page[end : block.start()], f"```{language}\n{asked}```\n\n```text\n{answer}```\n"]
        end = block.end()
    return "".join(parts) + page[end:]


async def _rows(store: Store, sql: str) -> str:
    rows = await told(store, sql)
    cells = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    return "".join(f"{line}\n" for line in _aligned(cells))


def _shown(value: object) -> str:
    return "NULL" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


async def _printed(segue: Segue, lines: str) -> str:
    printed = ""
    for line in lines.splitlines():
        command, *arguments = shlex.split(line)
        assert command == "segue", line
        done = await asyncio.to_thread(segue, *arguments)
        assert done.code == 0, done.out + done.err
        # What a state looks like may change with every version, and its hash with it.
        printed += "".join(f"{_HASH.sub('(sha256)', one).rstrip()}\n" for one in done.out.splitlines())
    return printed


async def _answers(page: str, past: Iterable[Input], chart: Path | None = None) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/segue.db"
        upgrade(url)
        store = await open_store(url)
        await filled(store, folder, past)
        segue = segue_in(folder, SEGUE_DATABASE_URL=url)
        told = await answered(page, store, segue)
        if chart is not None:
            await asyncio.to_thread(segue, "report", "--chart", str(chart))
        await store.close()
    return told


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(_answers(PAGE.read_text(), day())))
    REPORT.write_text(asyncio.run(_answers(REPORT.read_text(), months(), CHART)))
