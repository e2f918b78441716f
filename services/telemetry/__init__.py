"""Telemetry: every fix kept, judged at its own time.

Owns terminals and their bindings, positions, latest positions, visits, trips, daily mileages, alerts and
their rules, quarantine and ingest accounting. Follows the registry (client, enterprise, vehicle, area).
Publishes `terminal`, `visit`, `trip`, `daily_mileage` and `alert`.
"""
