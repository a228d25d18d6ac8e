"""Timed claims, each with its floor measured in the same run: `make bench`. No unit test makes a claim about time."""
