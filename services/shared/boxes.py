"""`?bbox=` of map layers, the same everywhere."""

from typing import Annotated

from fastapi import Depends, Query

from services.shared.errors import FieldError, Unprocessable
from services.shared.geo import Bbox, parse_bbox


def box_refused() -> Unprocessable:
    """Return the refusal of a box that is none."""
    message = "须为 西,南,东,北（度） / west,south,east,north in degrees"
    return Unprocessable(errors=[FieldError("query.bbox", "bbox_invalid", message)])


async def _box(
    bbox: Annotated[
        str | None,
        Query(
            max_length=120,
            description="west,south,east,north in degrees, WGS-84.",
            examples=["122.0,41.0,122.2,41.2"],
        ),
    ] = None,
) -> Bbox | None:
    if bbox is None:
        return None
    try:
        return parse_bbox(bbox)
    except ValueError as error:
        raise box_refused() from error


InBox = Annotated[Bbox | None, Depends(_box)]
"""The box of `?bbox=`; its edges are its own."""
