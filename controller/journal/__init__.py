"""
The only SQL: journal, inbox, outbox, timers, and the tables that people ask.

Start with `tables`, then `store` (transactions, relay, timers) and `heads` (whose turn it is to decide). A batch passes
`heads`, `inbox`, `append`, `reads`, `timers`, `outbox`, in this order, all in the one transaction of
`controller/handle.py`. `views` and `facts` read; `audit` checks; `rebuild` makes the read tables anew.
What will never live here: a decision, or anything that knows Kafka.
"""

from controller.journal.outbox import OutboxRow
from controller.journal.store import Relay, Store, open_store

__all__ = ["OutboxRow", "Relay", "Store", "open_store"]
