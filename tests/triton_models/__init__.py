"""How a release is built, and what its stages compute, without a server."""
