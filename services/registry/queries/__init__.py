"""Reads: every select of the registry."""
