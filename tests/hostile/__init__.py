"""
Hostile input: whatever comes in, a decoder gives a value, or its own error with a reason that is short and readable.

`python -m tests.hostile` gives each decoder 100,000 inputs and prints a table; `test_decoders.py` gives it hundreds.
Read `promise` (what is claimed), `decoders` (of whom), then `spoil` (good messages made bad) and `values`.
"""
