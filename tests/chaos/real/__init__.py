"""
Real faults: processes, brokers and databases killed, paused, cut off and starved while rollouts and rollbacks go on.

`stack` is what runs: Kafka, PostgreSQL or SQLite, Triton, and two of each of our processes, behind Toxiproxy. `load`
are the people who speak all the time, `hands` whoever publishes; both keep what they were told. `faults` lists what
is done, and how soon all must be well again; `run` does it, one fault at a time, each in the middle of a rollout or a
rollback of its own. `proof` reads the record afterwards and says what was lost and what went wrong. `python -m
tests.chaos` is the long run.
"""
