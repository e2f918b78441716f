"""What routes of map layers share."""

from typing import Annotated, Any

from fastapi import Depends

from services.shared import geo
from services.shared.boxes import InBox, box_refused

GEOJSON = "application/geo+json"


def layer_answer() -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a layer."""
    content = {GEOJSON: {"schema": {"type": "object"}}}
    return {200: {"content": content, "description": "FeatureCollection with `next_cursor`"}}


async def _area_box(box: InBox) -> geo.Bbox | None:
    if box is not None and (box.west == box.east or box.south == box.north):
        raise box_refused()  # a layer of areas is cut out by a box that has an area
    return box


Bbox = Annotated[geo.Bbox | None, Depends(_area_box)]
"""The box of `?bbox=`."""
