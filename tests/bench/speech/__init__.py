"""What `make bench` asks of a gateway: what it adds to an inference, and what users notice of changes and faults."""
