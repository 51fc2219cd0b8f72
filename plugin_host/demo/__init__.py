"""A song composed in code, so that the tool can show itself with nothing downloaded."""
