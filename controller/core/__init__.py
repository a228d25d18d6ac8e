"""
The pure heart: values and functions, no I/O, no clock, no randomness, no logging, no settings.

Read in this order: `names`, `plan`, `gates`, `routing`, `events`, `commands`, `state` (with `evolve`), `rollout`,
`decide`, `stream`. How a rollout goes on by measurements: `walk`, `judging`, then `evidence/`.
What will never live here: JSON (that is `controller/wire`), SQL (`controller/journal`), anything that awaits.
"""
