"""Which schema a store has, and whether this version of Segue was made for it; see `schema` for upgrades."""

from typing import TYPE_CHECKING, Final

from controller.core.errors import Broken

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS: Final = dict.fromkeys(
    (f"{number:04d}" for number in range(1, 18)),
    "0.1.0",
)
"""Every revision in order, and the first version of Segue that reads it."""

LEAVING: Final = frozenset({"0006", "0008", "0009", "0010", "0011", "0012", "0014", "0015", "0016", "0017"})
"""Those that leave what is derived from the facts as it is; after any other one it is made anew."""

NEWEST: Final = tuple(REVISIONS)[-1]


def check(connection: "Connection", name: str) -> None:
    """Raise Broken unless the schema is exactly the one that this version of Segue was made for."""
    revision = found(connection, name)
    if revision != NEWEST:
        has = f"has schema {revision}" if revision else "has no schema yet"
        raise Broken(f"{name} {has}; this Segue needs {NEWEST}: run `segue db upgrade`")


def outdates(revision: str | None) -> bool:
    """Say whether an upgrade from this revision leaves behind read tables or states that say less than they should."""
    if revision is None:
        return False
    known = tuple(REVISIONS)
    return not LEAVING.issuperset(known[known.index(revision) + 1 :])


def found(connection: "Connection", name: str) -> str | None:
    """Return the schema's revision, None when there is no schema. Raises Broken when it is newer than ours."""
    # Here, not above: whoever glances at a revision needs none of it.
    from sqlalchemy import bindparam, inspect, select, text

    from controller.journal.tables import schema_history

    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is not None and revision not in REVISIONS:
        by = connection.scalar(
            select(schema_history.c.segue_version).where(schema_history.c.revision == bindparam("revision")),
            {"revision": revision},
        )
        install = f"Segue {by} or later" if by else "the Segue that made it, or a later one"
        raise Broken(f"{name} has schema {revision}; this Segue knows schemas up to {NEWEST}: install {install}")
    return revision
