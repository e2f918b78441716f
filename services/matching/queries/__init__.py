"""Reads: every select of the service."""
