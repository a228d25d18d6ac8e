"""
Measured claims that `segue bench` can check anywhere: simulations, seeded, and what a long history costs to ask.

Never imported by what serves or decides. Claims about the way of an alert (Kafka, gateways) are timed in tests/bench.
"""
