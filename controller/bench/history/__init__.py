"""
Is the history fast enough? A store is filled with years that could have been lived, and then asked, replayed, verified.

Read in this order: `life` (the messages of one service's year), `template` (what the product makes of them), `copies`
(the same year under other names and on other days), `filling` (many of them in one store), `questions` and `asking`
(what auditors ask), `sizes`, `speed`, `memory`, `topic` (the same facts in Kafka), `options`, `run`, `page`.
"""
