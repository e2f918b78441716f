"""Areas: GeoJSON polygons (RFC 7946) whose shapes are versions with a validity interval."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.geometry import find_fault, polygons_of, to_wgs84
from services.registry.schemas.entities import EntityOut
from services.shared.schemas import Code, Instant, Name, Out, Strict
from services.shared.standards.coordinates import Crs

AreaKind = Literal["restricted", "low_emission", "district", "facility_site", "bay", "station_area"]
Positions = list[list[list[float]]]


class PolygonIn(Strict):
    """GeoJSON Polygon."""

    type: Annotated[Literal["Polygon"], Field(description="Polygon.")]
    coordinates: Annotated[
        Positions,
        Field(
            description="Rings of [lon, lat], the outer one first.",
            examples=[[[[122.06, 41.11], [122.08, 41.11], [122.08, 41.13], [122.06, 41.11]]]],
        ),
    ]


class MultiPolygonIn(Strict):
    """GeoJSON MultiPolygon."""

    type: Annotated[Literal["MultiPolygon"], Field(description="MultiPolygon.")]
    coordinates: Annotated[list[Positions], Field(description="Polygons of rings of [lon, lat].")]


class AreaShape(Strict):
    """A shape and when it is in force."""

    geometry: Annotated[
        PolygonIn | MultiPolygonIn,
        Field(discriminator="type", description="GeoJSON Polygon or MultiPolygon."),
    ]
    crs: Annotated[Crs, Field(strict=False, description="System of the coordinates given.")] = Crs.WGS84
    valid_from: Annotated[Instant, Field(description="In force from.", examples=["2025-01-01T00:00:00Z"])]
    valid_to: Annotated[Instant | None, Field(description="Exclusive; default: open.")] = None

    @field_validator("geometry")
    @classmethod
    def _well_formed(cls, geometry: PolygonIn | MultiPolygonIn) -> PolygonIn | MultiPolygonIn:
        fault = find_fault(polygons_of(geometry.type, geometry.coordinates))
        if fault is not None:
            raise PydanticCustomError(
                "geometry", "{path}: {message}", {"path": fault.path, "message": fault.message}
            )
        return geometry

    @field_validator("valid_to")
    @classmethod
    def _runs_forward(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("valid_from")
        if end is not None and start is not None and end <= start:
            raise PydanticCustomError("interval", "终止时间须晚于起始时间 / must be after valid_from")
        return end

    def multipolygon(self) -> dict[str, Any]:
        """Return the shape as a WGS-84 GeoJSON MultiPolygon."""
        return to_wgs84(polygons_of(self.geometry.type, self.geometry.coordinates), self.crs)


class AreaVersionCreate(AreaShape):
    """A further shape; an open version before it ends where this one begins."""


class AreaCreate(AreaShape):
    """A new area with its first shape."""

    code: Annotated[Code, Field(description="Stable code.", examples=["PJ-CORE"])]
    name: Annotated[Name, Field(description="For people.", examples=["中心城区"])]
    kind: Annotated[AreaKind, Field(description="What the area is for.", examples=["restricted"])]
    schematic: Annotated[bool, Field(description="A sketch, not a surveyed boundary.")] = False


class AreaVersionOut(Out):
    """One version of an area's shape; geometry is a GeoJSON MultiPolygon, WGS-84."""

    valid_from: Instant = Field(description="In force from.")
    valid_to: Instant | None = Field(description="In force until, exclusive; null while open.")
    geometry: dict[str, Any] = Field(description="GeoJSON MultiPolygon, WGS-84.")


class AreaOut(EntityOut):
    """An area with all versions of its shape, oldest first."""

    code: str = Field(description="Stable code.")
    name: str = Field(description="For people.")
    kind: str = Field(description="What the area is for.")
    schematic: bool = Field(description="A sketch, not a surveyed boundary.")
    versions: list[AreaVersionOut] = Field(description="Shapes, oldest first.")
