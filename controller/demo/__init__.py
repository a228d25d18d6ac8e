"""
`make demo`: a good release walks in, a bad one takes itself back, on real parts, with a timeline to prove it.

Read `story` first. `load` is the users, `hops` finds when the rollback passed each part, `report` holds the promises
and says whether they were kept, `show` draws the timeline. What never lives here: anything the product needs.
"""
