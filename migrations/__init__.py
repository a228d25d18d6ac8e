"""The schema of the store, one file a revision, run by Alembic through `controller.journal.schema.upgrade` only."""
