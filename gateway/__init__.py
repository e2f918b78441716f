"""Gateway: the exchange, the merged API description and the platform's health.

Owns the exchange's logs (one per dataset and audience), later the indicators, returns and publications.
Follows every kind of registry, telemetry, permits and matching. Publishes no feed of its own.
"""
