"""Facts as a Parquet file: one typed column a field, for whoever asks a history with tools of his own."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from controller.core.errors import Broken, Malformed

if TYPE_CHECKING:
    from controller.journal.facts import Recorded

_GROUP_ROWS: Final = 50_000
"""Facts of one row group; so many are in memory at a time."""

_TEXTS: Final = ("type", "actor", "reason", "rollout", "cause", "hash")


async def keep_parquet(facts: "AsyncIterator[Recorded]", file: Path) -> int:
    """
    Write facts into a new file, as they are read; return how many.

    `at` is a timestamp in UTC to the millisecond, `event` the fact's body as JSON. The file appears when it is whole.
    Raises Malformed when there is such a file, Broken when it cannot be written or pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise Broken("--parquet needs pyarrow: install Segue as segue[parquet], or ask for --csv") from error
    schema = pyarrow.schema(
        [
            pyarrow.field("at", pyarrow.timestamp("ms", tz="UTC"), nullable=False),
            pyarrow.field("service", pyarrow.string(), nullable=False),
            pyarrow.field("position", pyarrow.int64(), nullable=False),
            *(pyarrow.field(name, pyarrow.string(), nullable=False) for name in _TEXTS),
            pyarrow.field("event", pyarrow.string(), nullable=False),
        ]
    )
    count = 0
    with _appearing(file) as part, ParquetWriter(part, schema, compression="zstd") as writer:
        rows: list[Recorded] = []
        async for one in facts:
            rows.append(one)
            count += 1
            if len(rows) == _GROUP_ROWS:
                writer.write_table(pyarrow.table(_columns(rows), schema=schema))
                rows.clear()
        writer.write_table(pyarrow.table(_columns(rows), schema=schema))
    return count


@contextmanager
def _appearing(file: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when it is whole, in one step, and leaves nothing when it is not."""
    if file.exists():
        raise Malformed(f"{file} is there already; name a new file, or remove it")
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with part.open("xb") as opened:
            yield opened
        # Not renamed, which would take the place of a file that came meanwhile.
        file.hardlink_to(part)
    except FileExistsError as error:
        raise Malformed(f"{file} is there already; name a new file, or remove it") from error
    except OSError as error:
        raise Broken(f"{file} cannot be written: {error.strerror or error}; name a file elsewhere") from error
    finally:
        part.unlink(missing_ok=True)


def _columns(rows: "list[Recorded]") -> dict[str, list[object]]:
    return {
        "at": [one.at_ms for one in rows],
        "service": [one.stream for one in rows],
        "position": [one.position for one in rows],
        **{name: [getattr(one, name) for one in rows] for name in _TEXTS},
        "event": [one.body for one in rows],
    }
