"""Separators: the contract every model meets, and one model per file."""
