"""
What would have happened by another plan, or another policy for alerts: recorded messages decided again.

`again` decides, `courses` tells how each rollout went in either history, `exposure` whom it reached; `compare` puts the
two side by side, `summary` adds up. `recorded` and `services` read the store. Nothing here writes.
"""
