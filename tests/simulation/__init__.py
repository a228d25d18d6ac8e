"""
Segue in one process and without chance: faults, crashes and time are drawn from a seed, and every run can be had again.

Real are the deciding functions with FastStream around them, `controller.handle`, the relay, the timers, the gateway's
follower with its tables and its reporter, and all SQL on SQLite. Simulated is what is outside of a process: the clock
(`clock`), when a process is run, stopped or killed (`process`, `loop`), Kafka (`broker`, `consumer`, `producer`), and
how a transaction reaches the database and its answer comes back (`sql`).

`drawing` makes a schedule of a seed, `world` lets it happen, `watch`, `verdict` and `laws` hold the invariants while it
happens and afterwards. `mutations` are mistakes that must be caught. Start with `world`.
"""
