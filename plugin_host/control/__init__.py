"""Surfaces: they translate what arrives from outside into commands of the desk."""
