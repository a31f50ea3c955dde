"""Compatibility: the address zoo."""
