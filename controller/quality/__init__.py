"""What audio sounds like: pure measures over int16 samples. No I/O, no model; `audio` holds the hard checks."""
