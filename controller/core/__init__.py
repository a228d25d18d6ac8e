"""
The pure heart: values and functions, no I/O, no clock, no randomness, no logging, no settings.

Read in this order: `names`, `plan`, `routing`, `events`, `commands`, `state`, `evolve`, `decide`, `stream`.
What will never live here: JSON (that is `controller/wire`), SQL (`controller/journal`), anything that awaits.
"""
