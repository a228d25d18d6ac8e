"""The functions behind Kafka, on a real broker and a real store: each test hosts what it needs and publishes to it."""
