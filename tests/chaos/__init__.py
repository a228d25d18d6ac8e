"""
Journeys on which something dies at the worst moment: a consumer, its group, the broker, the database.

One Segue on PostgreSQL, told of in the words of `tests/journey`. What dies is put back, and then the facts must be
exactly those that they would have been, in their order, each once.
"""
