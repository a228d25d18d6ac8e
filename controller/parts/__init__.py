"""
The outside parts that one machine needs, each started as a child process on loopback: Kafka, Triton, Prometheus,
Alertmanager, PostgreSQL.

`segue up`, the demo and the tests start them here; in production operators run their own and nothing here is used.
Every part is a context manager, keeps its data and its log in the folder it is given, and dies with the process that
started it. Nothing here knows Segue's topics, tables, models or rules: callers bring those. Start with `process`.
"""
