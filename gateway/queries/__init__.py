"""Reads: pages of the exchange."""
