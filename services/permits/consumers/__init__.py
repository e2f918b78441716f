"""Messages in: the registry's feed. `worker` is the process."""
