"""
Is the journal still what was written?

Two copies of it are looked at, fact by fact: the table in SQL and the topic in Kafka (`look`). Each must be sound in
itself, its hashes in a chain (`chain`), and both must be the same (`compare`). Whoever changes one copy is caught by
its chain; whoever makes the chain anew as well, by the other copy.
"""
