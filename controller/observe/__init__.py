"""
What Prometheus holds, turned into one window of measurements: exact counts of the two arms that can be compared.

`counting` comes first: how often something happened between two scrapes. `population` says who may be compared with
whom, `window` puts both together. It asks and counts, and it decides nothing: what a window means is the core's matter.
"""
