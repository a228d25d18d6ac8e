"""
The neighbours, one file each: what Segue asks of them, in bounded time, and errors that say whether to try again.

Decisions never live here: a neighbour is asked, and what it says goes back as a value or as a message.
"""
