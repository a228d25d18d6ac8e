"""
The speech gateway: pure parts by claim, the whole on a real Triton that serves tones and on a real Kafka.

`stage` holds what these tests share: releases, tables, and a gateway on a port.
"""
