"""Separated stems on disk: a folder with a manifest, written atomically."""
