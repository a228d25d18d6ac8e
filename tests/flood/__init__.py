"""
A flood of alerts through the API's webhook, Kafka, the deciders and the store, while others need their rollbacks.

`python -m tests.flood` sends 100,000 alerts a minute, about one service and about a thousand, on both stores; a short
one is among the journeys. `run` is what is done, `sending` how alerts are sent, `account` what the store says of them.
"""
