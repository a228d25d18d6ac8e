"""Segue's control plane and data plane: what decides, records, routes and serves. Start with `controller/core`."""
