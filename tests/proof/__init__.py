"""Is the journal still what was written?"""
