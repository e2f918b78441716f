"""From a shape as given to what is stored: refused with the place, mended, converted, made a polygon."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.geometry import POLYGONS, Fault, GivenShape, find_fault, library_fault
from services.registry.domain.mending import Mend, mend, to_wgs84
from services.registry.queries.shapes import make_polygons
from services.shared.errors import FieldError, Unprocessable
from services.shared.standards.coordinates import Crs, convert


@dataclass(frozen=True, slots=True)
class Converted:
    """A shape without a fault that can be told before PostGIS sees it: GeoJSON in WGS-84."""

    given: GivenShape
    shape: dict[str, Any]
    mends: list[Mend]


@dataclass(frozen=True, slots=True)
class Shaped:
    """What is stored of a shape: the MultiPolygon (EWKB, WGS-84), where it came from, what was mended."""

    ewkb: bytes
    source: dict[str, Any] | None
    mended: list[dict[str, str]]


def convert_shape(given: GivenShape) -> Converted | Fault:
    """Return a shape mended and converted to WGS-84, or its first fault; takes its time with a large one."""
    fault = find_fault(given)
    if fault is not None:
        return fault
    coordinates, mends = mend(given)
    return Converted(given, {"type": given.kind, "coordinates": to_wgs84(coordinates, given.crs)}, mends)


async def make_shape(session: AsyncSession, converted: Converted) -> Shaped | Fault:
    """Return what is to be stored of a shape, or the fault PostGIS finds in it."""
    given = converted.given
    ends = given.ends or "flat" if given.kind not in (*POLYGONS, "Point") else None
    made = await make_polygons(session, converted.shape, given.distance_m, ends)
    if made.reason is not None:
        place = made.place and convert(*made.place, Crs.WGS84, given.crs)
        return library_fault(given, made.reason, place)
    mended = [{"member": each.member, "code": each.code, "message": each.message} for each in converted.mends]
    return Shaped(made.ewkb, _source(given, ends), mended)


def _source(given: GivenShape, ends: str | None) -> dict[str, Any] | None:
    """Return a circle or road section as it was given; a polygon is its own source."""
    if given.distance_m is None:
        return None
    size = (
        {"radius_m": given.radius_m} if given.kind == "Point" else {"buffer_m": given.buffer_m, "ends": ends}
    )
    geometry = {"type": given.kind, "coordinates": given.coordinates}
    return {"geometry": geometry, "crs": given.crs.value, **size}


async def shape_or_refuse(session: AsyncSession, given: GivenShape) -> Shaped:
    """Return what is to be stored of a request's shape; a large one is converted beside the event loop.

    Raises:
        Unprocessable: It has a fault; member and place are named.
    """
    converted = await asyncio.to_thread(convert_shape, given)
    made = converted if isinstance(converted, Fault) else await make_shape(session, converted)
    if isinstance(made, Fault):
        error = FieldError(f"body.{made.member}", made.code, made.message)
        raise Unprocessable(made.message, errors=[error])
    return made
