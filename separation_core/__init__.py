"""Source separation: a song goes in, its stems come out and are kept as a session."""
