"""
`make demo`: a good release climbs by evidence, three bad ones are taken back, on real parts, with a timeline as proof.

Read `story` first, then `acts`: what becomes of each release. `voices` builds them, `load` is the users, `hops` finds
when the rollback passed each part, `report` holds the promises and says whether they were kept, `show` draws the
timeline. What never lives here: anything the product needs.
"""
