"""What routes of map layers share."""

from typing import Annotated, Any

from fastapi import Depends, Query

from services.registry.queries.layers import Box, parse_box

GEOJSON = "application/geo+json"


def layer_answer() -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a layer."""
    content = {GEOJSON: {"schema": {"type": "object"}}}
    return {200: {"content": content, "description": "FeatureCollection with `next_cursor`"}}


async def _box(
    bbox: Annotated[
        str | None,
        Query(
            max_length=200,
            description="west,south,east,north in degrees, WGS-84.",
            examples=["122.0,41.0,122.2,41.2"],
        ),
    ] = None,
) -> Box | None:
    return None if bbox is None else parse_box(bbox)


Bbox = Annotated[Box | None, Depends(_box)]
"""The box of `?bbox=`."""
