"""Map layers: boxes in, GeoJSON feature collections out."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.shared.errors import FieldError, Unprocessable
from services.shared.paging import encode_cursor


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in degrees."""

    west: float
    south: float
    east: float
    north: float


def parse_box(given: str) -> Box:
    """Return the box of `west,south,east,north`.

    Raises:
        Unprocessable: Not four numbers, out of range, or in the wrong order.
    """
    try:
        west, south, east, north = (float(part) for part in given.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):  # noqa: PLR2004 - degrees
        message = "须为 west,south,east,north（度） / four numbers west,south,east,north in degrees"
        raise Unprocessable(errors=[FieldError("query.bbox", "bbox_invalid", message)])
    return Box(west, south, east, north)


def edges_of(box: Box | None) -> dict[str, float | None]:
    """Return a box as parameters, all None without one."""
    return asdict(box) if box else dict.fromkeys(("west", "south", "east", "north"))


def feature_collection(rows: Sequence[Any], limit: int) -> str:
    """Return rows of `id` and `feature` (JSON text) as a collection; a row past `limit` means more follow."""
    features = ",".join(row.feature for row in rows[:limit])
    cursor = encode_cursor([rows[limit - 1].id]) if len(rows) > limit else None
    return f'{{"type":"FeatureCollection","features":[{features}],"next_cursor":{json.dumps(cursor)}}}'
