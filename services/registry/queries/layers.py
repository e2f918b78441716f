"""Map layers: boxes in, GeoJSON feature collections out."""

import json
from collections.abc import Sequence
from typing import Any

from services.shared.geo import Bbox
from services.shared.paging import encode_cursor


def edges_of(box: Bbox | None) -> dict[str, float | None]:
    """Return a box as parameters, all None without one."""
    return box._asdict() if box else dict.fromkeys(Bbox._fields)


def feature_collection(rows: Sequence[Any], limit: int) -> str:
    """Return rows of `id` and `feature` (JSON text) as a collection; a row past `limit` means more follow."""
    features = ",".join(row.feature for row in rows[:limit])
    cursor = encode_cursor([rows[limit - 1].id]) if len(rows) > limit else None
    return f'{{"type":"FeatureCollection","features":[{features}],"next_cursor":{json.dumps(cursor)}}}'
