"""Processes of the registry beside its API."""
