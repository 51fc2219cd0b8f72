"""Mixing: one function for live and offline, and the bounce."""
