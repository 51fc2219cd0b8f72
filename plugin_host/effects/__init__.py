"""Effects: one catalogue, chains built from it, external plugins, streamed without surprises."""
