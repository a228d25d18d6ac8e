"""Spectra to sound: pulse source, spectral shaping, inverse STFT, and resampling to 44.1 kHz."""
