"""A scene as people read it: how the rollout ended, what was measured last, which requests failed, what is kept."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controller.cli.picture import clock
from controller.log import iso
from controller.scene.manifest import NAME

if TYPE_CHECKING:
    from controller.scene.look import Found

_WINDOWS: Final = 5

_Row = Sequence[object]


def lines(found: "Found") -> Iterator[str]:
    """Tell a scene line by line; of files that are not what was kept, only that they are there."""
    said = found.manifest
    back = f"all traffic went to {said.back_to}" if said.back_to else "nothing was left to serve"
    after = clock(said.ended_ms - said.started_ms)
    when = "after its promotion, " if said.kind == "revert" else ""
    yield f"{said.rollout}: release {said.release} was taken back {when}after {after}, and {back}"
    yield f"  when     {iso(said.ended_ms / 1000)}, by fact {said.fact}"
    yield f"  by       {said.actor} ({said.trigger.replace('_', ' ')}): {said.reason}"
    if said.guilty:
        yield f"  guilty   {', '.join(said.guilty)}"
    yield f"  about    {iso(said.from_ms / 1000)} to {iso(said.until_ms / 1000)}"
    yield f"  kept in  {found.place}, by fact {found.known.fact}"
    amiss = {one.name for one in found.amiss}
    # A manifest that is not the one that was kept vouches for no file.
    whole = set() if NAME in amiss else {one.name for one in said.files} - amiss
    if "windows.jsonl" in whole:
        yield from _windows(_written(found.place / "windows.jsonl"))
    if "failures.jsonl" in whole:
        yield from _failures(_written(found.place / "failures.jsonl"))
    yield ""
    yield from _columns(
        ("file", "bytes", "lines", "holds"),
        [(one.name, one.size_bytes, one.lines or "-", one.holds) for one in said.files],
    )
    for missing in said.missing:
        yield f"not kept: {missing.what}: {missing.why}"


def _written(file: Path) -> list[str]:
    # By "\n" alone: JSON leaves whatever else ends a line in Unicode as it is, within texts.
    with file.open(encoding="utf-8", newline="\n") as written:
        return list(written)


def _windows(written: Sequence[str]) -> Iterator[str]:
    windows = [json.loads(line)["event"] for line in written[-_WINDOWS:]]
    yield ""
    yield f"the last {len(windows)} of {len(written)} windows of measurements:"
    yield from _columns(
        ("until", "candidate", "failed", "stable", "failed"),
        [_window(one) for one in windows],
    )


def _failures(written: Sequence[str]) -> Iterator[str]:
    failures = [json.loads(line) for line in written]
    alike = Counter((one["release"], one["arm"], one["why"], one["endpoint"], one["status"]) for one in failures)
    yield ""
    yield f"{len(failures)} attempts that failed, as gateways have them:"
    yield from _columns(
        ("times", "release", "arm", "how", "on", "its caller was answered"),
        [(times, *said, status or "nothing") for (*said, status), times in alike.most_common()],
    )


def _window(event: dict[str, Any]) -> _Row:
    window = event["window"]
    if event["blind"]:
        return (iso(window["end_ms"] / 1000), f"blind: {event['blind']}")
    arms = (window["candidate"], window["stable"])
    return (iso(window["end_ms"] / 1000), *(arm[name] for arm in arms for name in ("requests", "failures")))


def _columns(head: _Row, rows: Iterable[_Row]) -> Iterator[str]:
    """Write a table as plain lines: the last column is as wide as it likes."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip_longest(*(row[:-1] for row in cells), fillvalue="")]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  " + "  ".join([*padded, row[-1]])
