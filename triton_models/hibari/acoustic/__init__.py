"""Phoneme ids to spectra: the voice's neural net."""
