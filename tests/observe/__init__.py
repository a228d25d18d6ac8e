"""What is seen of both arms: exact counts from a real Prometheus, whatever becomes of it and of the gateways."""
