"""One file a revision, named by its number. A revision that was ever released is never changed."""
