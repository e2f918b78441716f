"""Messages in: the feeds that are followed, and the worker process."""
