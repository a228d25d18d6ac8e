"""Releases on a real Triton: speaking, sharing stages, failing and healing."""
