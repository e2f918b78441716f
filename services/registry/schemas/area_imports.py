"""Import of areas from a GeoJSON file."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.geometry import GivenShape
from services.registry.schemas.areas import AreaCode, AreaName, Kind, MendOut, Schematic, Validity
from services.registry.schemas.geometry import BufferM, Ends, GeometryIn, RadiusM
from services.shared.routes import ProblemField
from services.shared.schemas import Out, Strict
from services.shared.standards.coordinates import Crs

MAX_FEATURES = 2000
_SYSTEMS = ("CRS84", "4326", "4490")
"""Ends of the names by which older GeoJSON calls WGS-84; CGCS2000 agrees with it to centimetres."""


class AreaProperties(Validity):
    """Properties of a feature that is an area; others are left alone."""

    model_config = ConfigDict(extra="ignore")

    code: AreaCode
    name: AreaName
    kind: Kind
    schematic: Schematic = False
    radius_m: RadiusM | None = None
    buffer_m: BufferM | None = None
    ends: Ends | None = None


class AreaFeature(Strict):
    """A GeoJSON Feature that is an area; foreign members are left alone."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["Feature"]
    geometry: GeometryIn
    properties: AreaProperties

    def shape(self, crs: Crs) -> GivenShape:
        """Return the shape as given."""
        more, given = self.properties, self.geometry
        return GivenShape(given.type, given.coordinates, crs, more.radius_m, more.buffer_m, more.ends)


class AreaCollection(Strict):
    """A GeoJSON FeatureCollection; a feature names `code`, `name`, `kind` and `valid_from` in its properties.

    Optional properties: `valid_to`, `schematic`, `radius_m` with a Point, `buffer_m` and `ends` with lines.
    """

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "type": "FeatureCollection",
                    "features": [
                        {
                            "type": "Feature",
                            "properties": {
                                "code": "PJ-CORE",
                                "name": "中心城区",
                                "kind": "restricted",
                                "valid_from": "2025-01-01T00:00:00+08:00",
                            },
                            "geometry": {
                                "type": "Polygon",
                                "coordinates": [[[122.0, 41.0], [122.1, 41.0], [122.1, 41.1], [122.0, 41.0]]],
                            },
                        }
                    ],
                }
            ]
        },
    )

    type: Annotated[Literal["FeatureCollection"], Field(description="FeatureCollection.")]
    features: Annotated[
        list[Any],
        Field(min_length=1, max_length=MAX_FEATURES, description="GeoJSON features, an area each."),
    ]
    crs: Annotated[
        dict[str, Any] | None,
        Field(description="As older GeoJSON has it; only names of WGS-84. Another system: `?crs=`."),
    ] = None

    @field_validator("crs")
    @classmethod
    def _is_wgs84(cls, crs: dict[str, Any] | None) -> dict[str, Any] | None:
        properties = (crs or {}).get("properties")
        name = properties.get("name") if isinstance(properties, dict) else None
        if crs is not None and not (isinstance(name, str) and name.endswith(_SYSTEMS)):
            raise PydanticCustomError(
                "crs", "仅支持WGS-84 / only names of WGS-84; else use the parameter crs"
            )
        return crs


Outcome = Literal["created", "new_version", "updated", "unchanged", "invalid"]


class AreaImportItem(Out):
    """What became, or would become, of one feature."""

    index: int = Field(description="Place in `features`, from 0.")
    code: str | None = Field(description="Of the area; null where the feature names none.")
    outcome: Outcome = Field(description="`updated` changes name, kind or schematic and no shape.")
    area_id: UUID | None = Field(description="The area; null in a dry run of a new one.")
    mended: list[MendOut] = Field(description="What was put right in the shape.")
    errors: list[ProblemField] = Field(description="Why it is invalid, each with member and place.")


class AreaImportOut(Out):
    """What became, or would become, of a file."""

    dry_run: bool = Field(description="Nothing was stored.")
    counts: dict[Outcome, int] = Field(description="Features by outcome.")
    items: list[AreaImportItem] = Field(description="One a feature, in the file's order.")
