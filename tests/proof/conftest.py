"""The stores that the tests of the journal make."""

from tests.journal.conftest import cluster, kind, new_url, opened, store, templates, url

__all__ = ["cluster", "kind", "new_url", "opened", "store", "templates", "url"]
