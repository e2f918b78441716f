"""Reading trips and daily mileages over HTTP."""

from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field

from services.shared.schemas import Instant, Out
from services.telemetry.domain.figures import average_kmh, km_of_m, km_of_mm, minutes_of_ms
from services.telemetry.domain.instants import from_ms


class PlaceOut(Out):
    """A point, degrees WGS-84."""

    lon: float
    lat: float


class StopOut(Out):
    """A halt within a trip 途中停留."""

    arrived_at: Instant
    left_at: Instant
    lon: float
    lat: float


class DrivenOut(Out):
    """What was driven. Distances by GPS: great circles between fixes, without halts and jumps."""

    distance_km: float = Field(description="GPS里程 / By GPS.")
    loaded_km: float = Field(description="载重里程 / Part of it driven with a load the terminal told.")
    empty_km: float = Field(description="空驶里程 / Part of it driven empty, as told; the rest is not known.")
    odometer_km: float | None = Field(description="里程表里程 / By the odometer; null where it told nothing.")
    moving_minutes: float = Field(description="行驶时间 / Time outside halts.")
    idle_minutes: float = Field(description="停留时间 / Time of the halts within.")

    @staticmethod
    def figures(row: Any) -> dict[str, Any]:
        """Turn the whole numbers of a row into what people read."""
        return {
            "distance_km": km_of_mm(row.length_mm),
            "loaded_km": km_of_mm(row.loaded_mm),
            "empty_km": km_of_mm(row.empty_mm),
            "odometer_km": km_of_m(row.odometer_m),
            "moving_minutes": minutes_of_ms(row.moving_ms),
            "idle_minutes": minutes_of_ms(row.idle_ms),
        }


class TripOut(DrivenOut):
    """A vehicle under way from where it stood to where it stood again; `ended_at` null while it is."""

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    started_at: Instant
    ended_at: Instant | None
    status: Literal["open", "closed", "retracted"]
    start: PlaceOut
    end: PlaceOut = Field(description="终点或当前位置 / Where it ended; where it is while open.")
    max_speed_kmh: float | None
    average_speed_kmh: float | None = Field(description="平均行驶速度 / Distance over the time moving.")
    stops: list[StopOut]
    supersedes: UUID | None = Field(description="The retracted trip whose start a late fix has moved.")
    sealed: bool = Field(description="已封存 / Final: the positions it was derived from may be gone.")

    @classmethod
    def of(cls, row: Any) -> Self:
        """Show a row."""
        names = (
            "id",
            "vehicle_id",
            "enterprise_id",
            "started_at",
            "ended_at",
            "status",
            "supersedes",
            "sealed",
        )
        return cls(
            **{name: getattr(row, name) for name in names},
            **cls.figures(row),
            start=PlaceOut(lon=row.start_lon, lat=row.start_lat),
            end=PlaceOut(lon=row.end_lon, lat=row.end_lat),
            max_speed_kmh=None if row.max_speed_kmh is None else round(row.max_speed_kmh, 1),
            average_speed_kmh=average_kmh(row.length_mm, row.moving_ms),
            stops=[
                StopOut(arrived_at=_at(arrived), left_at=_at(left), lon=lon, lat=lat)
                for arrived, left, lon, lat in row.stops
            ],
        )


class DailyMileageOut(DrivenOut):
    """A vehicle's day in the city's zone; open until it is over and published."""

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    day: date = Field(description="Day in the city's zone.")
    is_working_day: bool = Field(description="工作车日 / It moved at least 1 km.")
    fixes: int
    jumps: int = Field(description="Fixes no vehicle can have driven to; counted in `fixes`.")
    first_fix_at: Instant | None
    last_fix_at: Instant | None
    status: Literal["open", "closed"]
    sealed: bool = Field(description="已封存 / Final: the positions it was derived from may be gone.")

    @classmethod
    def of(cls, row: Any) -> Self:
        """Show a row."""
        own = cls.model_fields.keys() - DrivenOut.model_fields.keys()
        return cls(**{name: getattr(row, name) for name in own}, **cls.figures(row))


def _at(time_ms: int) -> datetime:
    return from_ms(time_ms)
