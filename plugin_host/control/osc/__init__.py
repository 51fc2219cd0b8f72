"""Open Sound Control, in both directions."""
