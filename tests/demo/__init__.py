"""The demo where it cannot go on: what it says, and when it does not even begin."""
