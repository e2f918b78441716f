"""Processes of their own: the worker that follows the services, and the puller a province runs."""
