"""
The control plane over HTTP: Alertmanager's webhook and people's orders in, a service's state and history out.

What comes in is put into Kafka and answered 202 once Kafka has it; what it does is decided by the consumers. What goes
out is read from the store. What will never live here: a decision, a write to the store.
Start with `app`; `alertmanager` is the first hop of a rollback.
"""

from controller.api.server import serve

__all__ = ["serve"]
