"""
The error tree: what went wrong, and whether trying again can help.

    SegueError
    ├── Unavailable       a neighbour does not answer now: try again
    └── Broken            trying again gives the same: something must be changed first
        ├── Malformed     input that cannot be read; says what, where and what is allowed
        └── Conflict      somebody else wrote this stream position first: read again, decide again

Inside the core a refusal is no error: it is a fact (`RequestRefused`, `OrderRefused`) that carries its reason.
"""

from typing import Final

REASON_CHARACTERS: Final = 2_000
"""
The longest reason of `Malformed`. It becomes a part of facts, which must fit into a Kafka message, or they would stand
before all that comes after them in the outbox.
"""


class SegueError(Exception):
    """The root: catch this to catch whatever Segue itself raises."""


class Unavailable(SegueError):
    """A neighbour (Kafka, SQL, Triton, ...) does not answer now; the same call may succeed later."""


class Broken(SegueError):
    """The same call will fail again until somebody changes something; the text says what."""


class Malformed(Broken):
    """
    Input that cannot be read. The text names the path, the value and what is allowed.

    What it quotes was written by others, so it is cut where it grows too long, and is such that it can be printed: it
    goes into facts, logs and terminals.
    """

    def __init__(self, text: str) -> None:
        text = text[:REASON_CHARACTERS]
        super().__init__(text if text.isprintable() else "".join(map(_printable, text))[:REASON_CHARACTERS])


class Conflict(Broken):
    """Another writer took the expected stream position; nothing of this attempt was kept."""


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
