"""
Measured claims that `segue bench` can check anywhere: simulations, seeded, with the figures they must reach.

Never imported by what serves or decides. Claims about real parts (Kafka, SQL, gateways) are timed in tests/bench.
"""
