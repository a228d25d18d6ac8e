"""
The only SQL: journal, inbox, outbox, timers, and the tables that people ask.

Start with `tables`, then `store` (transactions, relay, timers) and `heads` (whose turn it is to decide). A batch passes
`heads`, `inbox`, `append`, `reads`, `timers`, `outbox`, in this order, all in the one transaction of
`controller/handle.py`; what they write there is sent by `together`. `views` and `facts` read; `audit` checks;
`derived` makes the read tables from the facts, `rebuild` makes them anew beside the living ones (`shadow`), `restoring`
fills an empty store with a copy.
What will never live here: a decision, or anything that knows Kafka.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.journal.outbox import OutboxRow
    from controller.journal.store import Relay, Store, open_store

__all__ = ["OutboxRow", "Relay", "Store", "open_store"]


def __getattr__(name: str) -> object:
    """Import the store when it is asked for: `segue up` wants the schema alone, and is to start Kafka soon."""
    if name not in __all__:
        raise AttributeError(name)
    from controller.journal import outbox, store

    return getattr(outbox if name == "OutboxRow" else store, name)
