"""What people say of a rollback stands in `audit_rollbacks`; which ones can be marked, in each service's state."""

from alembic import op

from migrations import auditing, marking

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the view say more; an upgrade makes the states anew from the journal afterwards."""
    postgres = op.get_context().dialect.name == "postgresql"
    for statement in marking.from_facts(auditing.POSTGRES if postgres else auditing.SQLITE, postgres=postgres):
        op.execute(statement)
