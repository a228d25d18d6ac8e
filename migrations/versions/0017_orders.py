"""`audit_orders` tells who ordered what, and why, also of orders whose attributes came in Kafka's headers."""

from alembic import op

from migrations import auditing, ordering

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the view anew; what it is made from stays as it is."""
    postgres = op.get_context().dialect.name == "postgresql"
    for statement in ordering.statements(auditing.POSTGRES if postgres else auditing.SQLITE, postgres=postgres):
        op.execute(statement)
