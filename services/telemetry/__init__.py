"""Telemetry: every fix kept, judged at its own time.

Owns terminals and their bindings, positions, latest positions, visits, quarantine and ingest accounting.
Follows the registry (client, enterprise, vehicle, area). Publishes `terminal` and `visit`.
"""
