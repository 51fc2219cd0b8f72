"""Audio in and out: files of every common kind, read and written in blocks; no torch."""
