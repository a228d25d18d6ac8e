"""One contract for every store: the same claims on SQLite and on a real PostgreSQL."""
