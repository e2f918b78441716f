"""Bounds of a match: configuration of the city, not law."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Farthest approach to the origin, great-circle km; oldest latest position, seconds."""

    max_approach_km: float = 50.0
    position_max_age_s: float = 900.0
