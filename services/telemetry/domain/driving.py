"""A simulated drive: where a van is, one step after the other. Without I/O and clock; a seed decides all."""

import math
import random
from typing import NamedTuple

CENTRE = (122.07, 41.14)
"""The middle and the reach of the demo's streets, in degrees: 兴隆台 and 双台子."""
REACH = (0.12, 0.09)
SPEEDS_KMH = (15.0, 55.0)
DEGREES_PER_KM = 1 / 111.2


class Motion(NamedTuple):
    """What a van's instruments show."""

    lon: float
    lat: float
    speed_kmh: float
    heading_deg: float
    mileage_km: float


class Drive:
    """A van that goes from one place to the next, in a straight line each, and stops there for a step."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._at, self._goal = self._somewhere(), self._somewhere()
        self._mileage_km = chance.uniform(5_000, 90_000)

    def advance(self, seconds: float) -> Motion:
        """Go on towards the goal for so long."""
        speed = self._chance.uniform(*SPEEDS_KMH)
        step_km = speed * seconds / 3600
        narrow = math.cos(math.radians(self._at[1]))
        east, north = (self._goal[0] - self._at[0]) * narrow, self._goal[1] - self._at[1]
        left_km = math.hypot(east, north) / DEGREES_PER_KM
        if left_km < step_km:
            self._at, self._goal, speed = self._goal, self._somewhere(), 0.0
        else:
            share = step_km / left_km
            self._at = (self._at[0] + east / narrow * share, self._at[1] + north * share)
            self._mileage_km += step_km
        heading = math.degrees(math.atan2(east, north)) % 360
        return Motion(*self._at, speed, heading, self._mileage_km)

    def _somewhere(self) -> tuple[float, float]:
        return tuple(  # type: ignore[return-value]  # two of them
            middle + self._chance.uniform(-1, 1) * reach for middle, reach in zip(CENTRE, REACH, strict=True)
        )
