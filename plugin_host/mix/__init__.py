"""The mix as frozen data: tracks, chains, master, presets, and its file."""
