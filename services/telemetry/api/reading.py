"""What readers of positions must say: a window, a box, a purpose."""

import math
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query, Request

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.errors import FieldError, Unprocessable
from services.shared.logs import get_log
from services.shared.schemas import Instant
from services.telemetry.errors import PurposeRequired, RangeTooLong
from services.telemetry.queries.positions import Box
from services.telemetry.schemas.positions import Bbox, Purpose

LONGEST = timedelta(days=31)
DEFAULT = timedelta(days=1)
EDGES = 4

log = get_log(__name__)
_guard = require(Role.enterprise, Role.police, *BUREAUS)


async def _reader(
    request: Request, who: Annotated[Principal, Depends(_guard)], purpose: Purpose = None
) -> Principal:
    if who.role is Role.police and purpose is None:
        fault = FieldError("query.purpose", "missing", "公安查询须说明用途 / police must state a purpose")
        raise PurposeRequired(errors=[fault])
    if purpose is not None:
        log.info("positions_read", subject=who.subject, purpose=purpose, route=request.scope["route"].path)
    return who


async def _window(
    now: Now,
    start: Annotated[Instant | None, Query(alias="from", description="Default: a day before `to`.")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Default: now.")] = None,
) -> tuple[datetime, datetime]:
    last = end or now
    first = start or last - DEFAULT
    if not first < last <= first + LONGEST:
        fault = FieldError("query.from", "window", "须早于 to 且不超过31天 / before `to`, at most 31 days")
        raise RangeTooLong(errors=[fault])
    return first, last


async def _box(bbox: Bbox = None) -> Box | None:
    if bbox is None:
        return None
    try:
        edges = [float(part) for part in bbox.split(",")]
    except ValueError:
        edges = []
    if len(edges) == EDGES and all(map(math.isfinite, edges)):
        box = Box(*edges)
        if -180 <= box.west <= box.east <= 180 and -90 <= box.south <= box.north <= 90:  # noqa: PLR2004  degrees
            return box
    fault = FieldError("query.bbox", "bbox_invalid", "须为 西,南,东,北 / west,south,east,north in degrees")
    raise Unprocessable("bbox", errors=[fault])


Reader = Annotated[Principal, Depends(_reader)]
InWindow = Annotated[tuple[datetime, datetime], Depends(_window)]
InBox = Annotated[Box | None, Depends(_box)]
