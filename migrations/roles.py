"""
Roles of PostgreSQL that own nothing: `segue_auditor` reads views, and as `segue_app` Segue's own processes work.

Both are groups: a login gets one by `GRANT segue_app TO ...`. An upgrade makes them where the upgrading role may make
roles; otherwise it goes through all the same, and says what an administrator has to run.
"""

import logging
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from migrations.partitioning import CALLABLE
from migrations.reporting import EVERY_VIEW

_log = logging.getLogger("segue.migrations")

APP: Final = "segue_app"
AUDITOR: Final = "segue_auditor"

APPENDED: Final = ("journal", "checkpoints", "inbox")
"""Tables that are added to, and neither changed nor emptied."""

_LOOKED_AT: Final = ("alembic_version", "schema_history", "dead_letters", *EVERY_VIEW)
_DERIVED: Final = (
    "services",
    "rollouts",
    "steps",
    "routes",
    "releases",
    "verdicts",
    "routers",
    "applied",
    "timers",
)


def app_rights() -> tuple[str, ...]:
    """Return what gives `segue_app` exactly the rights that Segue's processes need, whatever it had before."""
    every = ", ".join((*APPENDED, *_LOOKED_AT, *_DERIVED, "closings", "outbox"))
    return (
        f"REVOKE ALL ON {every} FROM {APP}",
        f"GRANT SELECT, INSERT ON {', '.join(APPENDED)} TO {APP}",
        f"GRANT SELECT ON {', '.join(_LOOKED_AT)} TO {APP}",
        # Made anew from the journal whenever somebody asks for it.
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(_DERIVED)} TO {APP}",
        f"GRANT SELECT, INSERT, DELETE ON outbox TO {APP}",
        # Opened again by the owner alone, who attaches months.
        f"GRANT SELECT, INSERT ON closings TO {APP}",
        f"GRANT USAGE ON SEQUENCE inbox_number_seq, outbox_id_seq TO {APP}",
        f"GRANT EXECUTE ON FUNCTION {', '.join(CALLABLE)} TO {APP}",
    )


def auditor_rights() -> tuple[str, ...]:
    """Return what lets `segue_auditor` read the views that are made for auditors."""
    return (f"GRANT SELECT ON {', '.join(EVERY_VIEW)} TO {AUDITOR}",)


def give(connection: sa.Connection, role: str, rights: Sequence[str]) -> None:
    """Make a role that cannot log in, let it into the schema, and give it rights; warn of what we may not do."""
    schema = str(connection.scalar(sa.text("SELECT current_schema()")))
    create, enter = f"CREATE ROLE {role} NOLOGIN", f'GRANT USAGE ON SCHEMA "{schema}" TO {role}'
    lacking = [] if _made(connection, role, create) else [create]
    lacking += [statement for statement in (enter, *rights) if not _done(connection, statement)]
    # Whoever may enter a schema and not let others in is only warned that nothing was granted.
    if not lacking and not connection.scalar(sa.text(_ENTERS), {"role": role, "schema": schema}):
        lacking = [enter]
    if lacking:
        told = " ".join(f"{statement};" for statement in lacking)
        _log.warning("the role %s is not complete; let an administrator run: %s", role, told)


_IS_THERE: Final = "SELECT 1 FROM pg_roles WHERE rolname = :role"
_ENTERS: Final = "SELECT has_schema_privilege(:role, :schema, 'USAGE')"
# Roles belong to the whole cluster, and another database of it may be upgraded at the same moment.
_UNLESS_THERE: Final = "DO $$ BEGIN {}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"


def _made(connection: sa.Connection, role: str, create: str) -> bool:
    if connection.scalar(sa.text(_IS_THERE), {"role": role}):
        return True
    return _done(connection, _UNLESS_THERE.format(create))


def _done(connection: sa.Connection, statement: str) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(sa.text(statement))
    except sa.exc.DBAPIError as refused:
        # 42501: not allowed; 42704: no such role, for it could not be created. Anything else is an error of ours.
        if getattr(refused.orig, "sqlstate", "") not in ("42501", "42704"):
            raise
        return False
    return True
