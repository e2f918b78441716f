"""Trips: from where a vehicle stood to where it stands again, a pure function of the set of good fixes.

The definition, over the path without jumps (`jumps.py`), broken at gaps like visits. The first fix of an
unbroken track is an anchor; the next fix farther than `radius_m` from it is the next anchor, and so on. From
an anchor to the last fix before the next anchor the vehicle is at a place. It halts there when that lasts
`stop_ms` or longer. Within a halt no distance counts: a receiver drifts.

A trip begins with the last fix of a halt, or with the first anchor of a track when it did not halt there;
it ends at the anchor of a halt of `end_ms` or longer, or with its track: at the anchor where the vehicle
halts then, else with the last fix. Shorter halts within are its stops. Less than `min_mm` in all is no trip.
A trip that has not ended is open; its figures are what they would be if its track ended here.

Distance is the sum of the great circles between the fixes taken, moving time the time outside halts, idle
time that within: together the whole trip. A leg is driven in the load state last told before it on its
track. The odometer counts differences of what it told from one fix to a later one on the same track; one
that is negative (reset, rollback) or more than could be driven in the time is left out. A difference from
one track to the next counts for no trip, and for the day when both fixes are of that day.
"""

from uuid import UUID

import msgspec

from services.telemetry.domain.names import name_of
from services.telemetry.domain.tallies import Tallies, Tally
from services.telemetry.domain.tracks import UNKNOWN_LOAD


class TripConfig(msgspec.Struct, frozen=True):
    """What the city sets [DEF]."""

    radius_m: float = 100.0
    stop_ms: int = 180_000
    end_ms: int = 900_000
    min_mm: int = 500_000
    odometer_kmh: float = 200.0
    odometer_slack_m: int = 200
    """Two steps of 0.1 km: what a coarse odometer may be off."""

    def __post_init__(self) -> None:
        """Check what the derivation relies on.

        Raises:
            ValueError: a trip would end before its vehicle halts.
        """
        if self.end_ms < self.stop_ms:
            raise ValueError("the standing that ends a trip is shorter than a stop")


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A fix of the path."""

    time_ms: int
    lon: float
    lat: float


class Stop(msgspec.Struct, frozen=True, array_like=True):
    """A halt within a trip."""

    arrived_ms: int
    left_ms: int
    lon: float
    lat: float


class Trip(msgspec.Struct, frozen=True):
    """A trip, ms since the epoch; `ended_ms` None while open, `end` is then where the vehicle is."""

    id: UUID
    vehicle_id: UUID
    started_ms: int
    ended_ms: int | None
    start: tuple[float, float]
    end: tuple[float, float]
    driven: Tally
    max_speed_kmh: float | None
    stops: tuple[Stop, ...]

    @property
    def span(self) -> tuple[object, int, int | None]:
        """What it is of, and from when to when."""
        return None, self.started_ms, self.ended_ms


class OpenTrip(msgspec.Struct, frozen=True, array_like=True):
    """A trip under way, up to the anchor."""

    start: Place
    driven: Tallies = ()
    stops: tuple[Stop, ...] = ()
    max_speed_kmh: float | None = None


class Odometer(msgspec.Struct, frozen=True, array_like=True):
    """What the odometer told last; whether the track broke since."""

    time_ms: int
    metres: int
    is_broken: bool = False


class TripState(msgspec.Struct, frozen=True, array_like=True):
    """Where a vehicle is: its anchor, last fix taken, what it did since the anchor, and the trip it is on."""

    anchor: Place | None = None
    last: Place | None = None
    since: Tallies = ()
    speed_kmh: float | None = None
    trip: OpenTrip | None = None
    odometer: Odometer | None = None
    load: int = UNKNOWN_LOAD


def trip_id(vehicle_id: UUID, started_ms: int) -> UUID:
    """Give a trip's id: UUIDv5 of vehicle and start."""
    return name_of(vehicle_id, f"trip/{started_ms}")
