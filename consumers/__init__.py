"""
What runs behind Kafka: the functions that decide, and the workers around them. Start with `run`, then `delivery`.

    rollouts, orders, alerts, signals   one topic each: records -> inputs -> `controller.handle` -> acknowledge
    relay                               outbox -> Kafka, in order per service
    timers                              what is due becomes a message in the outbox
    releases                            loads, hears and unloads what the services want; reports messages
    observer                            asks Prometheus and gates what users met; reports windows of measurements
    notifier                            tells people what the journal says

No decision lives here: the deciding functions hand every message to `controller.handle`, and the workers only ever
report messages. Nothing here imports the gateway or the API.
"""
