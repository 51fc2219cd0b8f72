"""Whole jobs: a song to a session."""
