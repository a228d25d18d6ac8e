"""
Bytes to values and back; the only place that knows JSON.

Read in this order: `topics`, `strict` (reading JSON that may be hostile), `envelope` (CloudEvents), `messages` (the
public contract; its models in `asked` and `reported`), `inbound` (a Kafka record to one command), `outbound` and
`alertmanager` (what the API sends to Kafka), `shape` and `codec` (facts, state, table), `schemas`.
What will never live here: a socket, a file, a clock. Whatever bytes come in, the answer is a value or `Malformed`.
"""
