"""
The error tree: what went wrong, and whether trying again can help.

    SegueError
    ├── Unavailable       a neighbour does not answer now: try again
    └── Broken            trying again gives the same: something must be changed first
        ├── Malformed     input that cannot be read; says what, where and what is allowed
        └── Conflict      somebody else wrote this stream position first: read again, decide again

Inside the core a refusal is no error: it is a fact (`RequestRefused`, `OrderRefused`) that carries its reason.
"""


class SegueError(Exception):
    """The root: catch this to catch whatever Segue itself raises."""


class Unavailable(SegueError):
    """A neighbour (Kafka, SQL, Triton, ...) does not answer now; the same call may succeed later."""


class Broken(SegueError):
    """The same call will fail again until somebody changes something; the text says what."""


class Malformed(Broken):
    """Input that cannot be read. The text names the path, the value and what is allowed."""


class Conflict(Broken):
    """Another writer took the expected stream position; nothing of this attempt was kept."""
