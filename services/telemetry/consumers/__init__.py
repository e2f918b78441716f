"""Messages in: MQTT, the registry's feed, the queue of committed batches. Each module is a process."""
