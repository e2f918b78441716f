"""Areas: shapes that are versions with a validity interval."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.registry.domain.areas import AreaKind
from services.registry.domain.geometry import GivenShape
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import ReasonText
from services.registry.schemas.geometry import BufferM, Ends, GeometryIn, RadiusM
from services.shared.schemas import Code, Instant, Name, Out, Strict
from services.shared.standards.coordinates import Crs

AreaCode = Annotated[Code, Field(description="Stable code.", examples=["PJ-CORE"])]
AreaName = Annotated[Name, Field(description="For people.", examples=["中心城区"])]
Kind = Annotated[AreaKind, Field(strict=False, description="What the area is for.", examples=["restricted"])]
Schematic = Annotated[bool, Field(description="A sketch, not a surveyed boundary.")]
GivenCrs = Annotated[Crs, Field(strict=False, description="System of the coordinates given.")]

_CIRCLE: JsonDict = {
    "code": "PJ-MARKET",
    "name": "新发地周边",
    "kind": "low_emission",
    "geometry": {"type": "Point", "coordinates": [121.97, 41.136]},
    "radius_m": 500,
    "valid_from": "2025-01-01T00:00:00Z",
}
_ROAD: JsonDict = {
    "code": "PJ-ROAD-XINGYOU",
    "name": "兴油街",
    "kind": "road_section",
    "geometry": {"type": "LineString", "coordinates": [[122.01, 41.118], [122.105, 41.118]]},
    "buffer_m": 15,
    "ends": "flat",
    "valid_from": "2025-01-01T00:00:00Z",
}


class Validity(Strict):
    """When a shape is in force."""

    valid_from: Annotated[Instant, Field(description="In force from.", examples=["2025-01-01T00:00:00Z"])]
    valid_to: Annotated[Instant | None, Field(description="Exclusive; default: open.")] = None

    @field_validator("valid_to")
    @classmethod
    def _runs_forward(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("valid_from")
        if end is not None and start is not None and end <= start:
            raise PydanticCustomError("interval", "终止时间须晚于起始时间 / must be after valid_from")
        return end


class AreaShape(Validity):
    """A shape and when it is in force."""

    geometry: GeometryIn
    crs: GivenCrs = Crs.WGS84
    radius_m: RadiusM | None = None
    buffer_m: BufferM | None = None
    ends: Ends | None = None

    def shape(self) -> GivenShape:
        """Return the shape as given."""
        given = self.geometry
        return GivenShape(given.type, given.coordinates, self.crs, self.radius_m, self.buffer_m, self.ends)


class AreaVersionCreate(AreaShape):
    """A further shape; an open version before it ends where this one begins."""


class AreaUpdate(Strict):
    """What an area is called and for; replaces all three."""

    name: AreaName
    kind: Kind
    schematic: Schematic = False


class AreaCreate(AreaShape):
    """A new area with its first shape: a polygon, a circle (Point) or a road section (lines)."""

    code: AreaCode
    name: AreaName
    kind: Kind
    schematic: Schematic = False

    model_config = ConfigDict(json_schema_extra={"examples": [_CIRCLE, _ROAD]})


class AreaClosureCreate(Strict):
    """The end of an area."""

    at: Annotated[Instant | None, Field(description="When its open shape ends; default: now.")] = None
    reason: ReasonText


class MendOut(Out):
    """Something put right in a shape that changes no place."""

    member: str = Field(description="The member of the geometry as given.")
    code: str = Field(
        description="heights_dropped, repeated_positions, ring_closed (ends within a centimetre) or"
        " ring_reversed (RFC 7946: outer ring counter-clockwise)."
    )
    message: str = Field(description="For people, with the number of positions.")


class AreaVersionOut(Out):
    """One version of an area's shape."""

    valid_from: Instant = Field(description="In force from.")
    valid_to: Instant | None = Field(description="In force until, exclusive; null while open.")
    geometry: dict[str, Any] = Field(description="GeoJSON MultiPolygon, WGS-84.")
    source: dict[str, Any] | None = Field(
        description="The circle or road section it was made of, as given: geometry, crs, radius_m or buffer_m"
        " and ends. The polygon keeps within 0.5 % of that distance. Null for a polygon."
    )
    mended: list[MendOut] = Field(description="What was put right when it was given.")


class AreaOut(EntityOut):
    """An area with all versions of its shape, oldest first."""

    code: str = Field(description="Stable code.")
    name: str = Field(description="For people.")
    kind: AreaKind = Field(description="What the area is for.")
    schematic: bool = Field(description="A sketch, not a surveyed boundary.")
    closed_at: Instant | None = Field(description="When the area ended for good; null while it has not.")
    closed_reason: str | None = Field(description="Why.")
    versions: list[AreaVersionOut] = Field(description="Shapes, oldest first.")
