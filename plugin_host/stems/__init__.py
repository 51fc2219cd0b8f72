"""A session's stems as block reads for the engine."""
