"""What a load asks of a vehicle, as the evaluation needs it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.matching.domain.cargo import TemperatureClass


@dataclass(frozen=True, slots=True)
class Covering:
    """An area that contains a place, as long as that version of its shape is in force."""

    area_id: UUID
    valid_from: datetime
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A place (degrees, WGS-84) and the half-open window in which a vehicle must be there."""

    lon: float
    lat: float
    start: datetime
    end: datetime
    covered_by: tuple[Covering, ...] = ()

    @property
    def point(self) -> tuple[float, float]:
        """Longitude and latitude."""
        return self.lon, self.lat


@dataclass(frozen=True, slots=True)
class Job:
    """A load at one instant: from now on, for nobody may pick up in the past.

    Attributes:
        pickup: Where and when it is picked up; its start is not before `now`.
        delivery: Where and when it is delivered.
        weight_kg: Gross weight.
        volume_m3: Volume.
        temperature: How cold it must stay.
        now: The instant of the question.
        booked: Vehicles promised elsewhere in its hours.
    """

    pickup: Stop
    delivery: Stop
    weight_kg: float
    volume_m3: float
    temperature: TemperatureClass
    now: datetime
    booked: frozenset[UUID] = frozenset()
