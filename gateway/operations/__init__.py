"""Writes: what the followed services change, re-sequenced for each audience."""
