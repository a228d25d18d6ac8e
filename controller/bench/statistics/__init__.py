"""
How often a healthy candidate is taken back, and how soon a bad one: many simulated days at once.

Read in this order: `stream` (what happens to users), `vectors` (the core's formulas for a thousand runs at a time),
`judges` (Segue's evidence), `peers` (what others do, on the same stream), `ladder` (promotion), `cost`, `goals`,
`report`.
"""
