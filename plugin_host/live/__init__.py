"""The audio engine as a process of its own, and the host's side of it."""
