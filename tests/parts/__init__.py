"""The outside parts start for real here: ready in time, restartable on their data, and gone when they should be."""
