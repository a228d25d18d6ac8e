"""
The data plane: speech out of the release that the routing table gives each caller.

Read `serving` (the process), `app` (the routes), then the way of a request: `speech` -> `request`, `caller` ->
`speak` -> `attempt` -> `triton` (which endpoint: `health`) -> `endpoint`, and `encode`. What is counted of it:
`metrics`, `evidence`. What follows it, unheard: `mirror`. Tables come in through `follow` -> `tables` -> `keep`,
`report`; which endpoints are left alone goes out by `ejections` -> `report`.

What will never live here: the journal, its handler, or any consumer. The gateway decides nothing about a rollout; it
reads tables, and reports what it applied as a message.
"""

from controller.gateway.serving import serve

__all__ = ["serve"]
