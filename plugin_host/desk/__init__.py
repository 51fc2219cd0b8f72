"""The desk: it owns the mix that everyone sees, takes commands from every surface and tells all of what changed."""
