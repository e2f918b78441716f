"""HTTP in: the exchange, the API description, the platform's health."""
