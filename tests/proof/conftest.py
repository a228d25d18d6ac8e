"""The stores that the tests of the journal make, and somebody who signs."""

from tests.journal.conftest import cluster, kind, new_url, opened, signer, store, templates, trusted, url

__all__ = ["cluster", "kind", "new_url", "opened", "signer", "store", "templates", "trusted", "url"]
