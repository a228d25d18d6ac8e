"""Alembic's entry: run the revisions on the connection, and inside the transaction, that `upgrade` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
