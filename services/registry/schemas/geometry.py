"""GeoJSON geometries as they come in (RFC 7946); their content is judged by `domain.geometry`."""

from typing import Annotated, Literal

from pydantic import Field

from services.shared.schemas import Strict

Position = list[float]
Line = list[Position]
Rings = list[Line]

_EXAMPLE = [[[122.06, 41.11], [122.08, 41.11], [122.08, 41.13], [122.06, 41.11]]]


class _Geometry(Strict):
    bbox: Annotated[
        list[float] | None, Field(min_length=4, max_length=6, description="Taken and not used.")
    ] = None


class PolygonIn(_Geometry):
    """GeoJSON Polygon."""

    type: Annotated[Literal["Polygon"], Field(description="Polygon.")]
    coordinates: Annotated[
        Rings, Field(description="Rings of [lon, lat], the outer one first.", examples=[_EXAMPLE])
    ]


class MultiPolygonIn(_Geometry):
    """GeoJSON MultiPolygon."""

    type: Annotated[Literal["MultiPolygon"], Field(description="MultiPolygon.")]
    coordinates: Annotated[list[Rings], Field(description="Polygons of rings of [lon, lat].")]


class PointIn(_Geometry):
    """GeoJSON Point: the centre of a circle."""

    type: Annotated[Literal["Point"], Field(description="Point.")]
    coordinates: Annotated[Position, Field(description="[lon, lat].", examples=[[122.07, 41.12]])]


class LineStringIn(_Geometry):
    """GeoJSON LineString: the middle of a road section."""

    type: Annotated[Literal["LineString"], Field(description="LineString.")]
    coordinates: Annotated[
        Line, Field(description="[lon, lat] along the road.", examples=[[[122.01, 41.118], [122.1, 41.118]]])
    ]


class MultiLineStringIn(_Geometry):
    """GeoJSON MultiLineString: the middles of several sections."""

    type: Annotated[Literal["MultiLineString"], Field(description="MultiLineString.")]
    coordinates: Annotated[list[Line], Field(description="Lines of [lon, lat].")]


GeometryIn = Annotated[
    PolygonIn | MultiPolygonIn | PointIn | LineStringIn | MultiLineStringIn,
    Field(
        discriminator="type",
        description="GeoJSON Polygon or MultiPolygon; Point with `radius_m`; lines with `buffer_m`.",
    ),
]
RadiusM = Annotated[float, Field(ge=1, le=50_000, description="Metres; with a Point.", examples=[300])]
BufferM = Annotated[
    float, Field(ge=0.5, le=500, description="Half the width of a road section, metres; with lines.")
]
Ends = Annotated[
    Literal["flat", "round"], Field(description="How a road section ends; with lines; default: flat.")
]
