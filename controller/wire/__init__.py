"""
Bytes to values and back; the only place that knows JSON.

Read in this order: `topics`, `strict` (reading JSON that may be hostile), `envelope` (CloudEvents), `messages` (the
public contract), `inbound` (a Kafka record to one command), `shape` and `codec` (facts, state, table).
What will never live here: a socket, a file, a clock. Whatever bytes come in, the answer is a value or `Malformed`.
"""
