"""Scores against true stems, and checks of a session without them."""
