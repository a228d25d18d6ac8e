"""
What Segue's own processes logged around the rollback, as far as it can tell nothing of users.

Only lines that our own formatter wrote are taken, and of these only fields that hold names and numbers: what an error
quotes may be anything. A line about another service is none of this scene's.
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from controller.scene.draft import Draft
from controller.wire.strict import canonical

_FIELDS: Final = {
    *("time", "level", "logger", "message", "service", "rollout", "release", "ensemble", "endpoint", "fact", "to"),
    *("epoch", "refused_epoch", "at_ms", "load_s", "message_id", "partition", "offset", "records"),
    *("function", "functions", "port", "attempt", "again", "shared", "restarts", "retry_in_s"),
}
"""Not `fault` and `error`: what others say, perhaps in somebody's words."""

_MOST_READ_BYTES: Final = 32 * 1024 * 1024
_MOST_KEPT_BYTES: Final = 4 * 1024 * 1024
_WHAT: Final = "logs"


def keep_logs(
    draft: Draft, files: Sequence[Path], service: str, range_ms: tuple[int, int], secrets: Sequence[str]
) -> None:
    """Write the lines of a range, of each log file in one of its own. secrets: are blotted out wherever they appear."""
    if not files:
        return draft.lacks(_WHAT, "nobody says where they are: see SEGUE_SCENE_LOGS")
    names: set[str] = set()
    for file in files:
        name = next(name for name in _names(file) if name not in names)
        names.add(name)
        try:
            lines = _tail(file)
            kept, left_out = _fitting(lines, service, range_ms, secrets)
        except OSError as error:
            draft.lacks(f"{_WHAT} of {file.stem}", f"they cannot be read: {error.strerror}")
            continue
        if left_out:
            draft.lacks(f"{_WHAT} of {file.stem}", f"{left_out} earlier lines: there are too many")
        with draft.file(f"logs/{name}.jsonl", f"what {file.stem} logged") as written:
            for line in kept:
                written.line(line)
    return None


def _names(file: Path) -> Iterator[str]:
    yield file.stem
    number = 1
    while True:
        number += 1
        yield f"{file.stem}-{number}"


def _tail(file: Path) -> Iterator[bytes]:
    """Yield the lines at the end of a file, the first perhaps broken, when there are very many."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - _MOST_READ_BYTES))
        yield from opened


def _fitting(
    lines: Iterator[bytes], service: str, range_ms: tuple[int, int], secrets: Sequence[str]
) -> tuple[Sequence[str], int]:
    """Return what is to be kept, and how many lines there was no room for."""
    forms = _written_forms(secrets)
    kept: deque[str] = deque()
    size = left_out = 0
    for line in lines:
        fields = _fields(line, service, range_ms)
        if fields is None:
            continue
        text = canonical(fields)
        for form in forms:
            text = text.replace(form, "***")
        kept.append(text)
        size += len(text)
        while size > _MOST_KEPT_BYTES:
            size -= len(kept.popleft())
            left_out += 1
    return kept, left_out


def _written_forms(secrets: Sequence[str]) -> Sequence[str]:
    """Return how secrets look in a kept line: by themselves, or within JSON that a message quotes; longest first."""
    said = {form for one in secrets if one for form in (one, canonical(one)[1:-1], json.dumps(one)[1:-1])}
    return sorted({canonical(form)[1:-1] for form in said}, key=len, reverse=True)


def _fields(line: bytes, service: str, range_ms: tuple[int, int]) -> dict[str, Any] | None:
    """Return what a line says as far as it is kept, None when it is not."""
    try:
        said = json.loads(line)
        at_ms = datetime.fromisoformat(said["time"]).timestamp() * 1000
    except (ValueError, KeyError, TypeError):
        return None
    from_ms, until_ms = range_ms
    if not from_ms <= at_ms <= until_ms or said.get("service", service) != service:
        return None
    return {name: value for name, value in said.items() if name in _FIELDS}
