"""What readers of positions must say: a window, a box, a purpose, a form."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.errors import FieldError
from services.shared.schemas import Instant
from services.telemetry.domain.states import ReadingRules
from services.telemetry.domain.tiles import DEEPEST, is_tile
from services.telemetry.errors import RangeTooLong, TileNotThere
from services.telemetry.operations.readings import Asked
from services.telemetry.queries.tiles import Tile
from services.telemetry.schemas.positions import Purpose

LONGEST = timedelta(days=31)
DEFAULT = timedelta(days=1)

_guard = require(Role.enterprise, Role.police, *BUREAUS)
_guard_owner = require(Role.enterprise, *BUREAUS)
_guard_with_services = require(Role.enterprise, Role.police, *BUREAUS, Role.service)


def _ask(request: Request, who: Principal, now: datetime, purpose: str | None) -> Asked:
    return Asked(who, purpose, now, request.state.request_id, request.app.state.access_log)


async def _stated(
    request: Request, who: Annotated[Principal, Depends(_guard)], now: Now, purpose: Purpose = None
) -> Asked:
    asked = _ask(request, who, now, purpose)
    asked.must_state_purpose()
    return asked


async def _owner_asked(
    request: Request, who: Annotated[Principal, Depends(_guard_owner)], now: Now, purpose: Purpose = None
) -> Asked:
    asked = _ask(request, who, now, purpose)
    asked.must_state_purpose()
    return asked


async def _stated_or_service(
    request: Request,
    who: Annotated[Principal, Depends(_guard_with_services)],
    now: Now,
    purpose: Purpose = None,
) -> Asked:
    asked = _ask(request, who, now, purpose)
    asked.must_state_purpose()
    return asked


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


async def _tile(
    z: Annotated[int, Path(description=f"Zoom, 0 to {DEEPEST}.")],
    x: Annotated[int, Path(description="Column, from the antimeridian eastwards, below 2^z.")],
    y: Annotated[int, Path(description="Row, from the north southwards, below 2^z (XYZ scheme).")],
) -> Tile:
    if not is_tile(z, x, y):
        message = f"z 为 0–{DEEPEST}，x、y 小于 2^z / z is 0 to {DEEPEST}, x and y are below 2^z"
        raise TileNotThere(errors=[FieldError("path.z", "tile_out_of_range", message)])
    return Tile(z, x, y)


async def _rules(request: Request) -> ReadingRules:
    rules: ReadingRules = request.app.state.reading_rules
    return rules


Stated = Annotated[Asked, Depends(_stated)]
"""A firm about its own, or an office or police with a purpose; to be put on record."""
OwnerAsking = Annotated[Asked, Depends(_owner_asked)]
"""A firm about its own, or an office with a purpose, that looks after what it receives; on record too."""
StatedOrService = Annotated[Asked, Depends(_stated_or_service)]
"""The same, and services of the platform."""
InWindow = Annotated[tuple[datetime, datetime], Depends(_window)]
InTile = Annotated[Tile, Depends(_tile)]
Rules = Annotated[ReadingRules, Depends(_rules)]
Fleet = Annotated[UUID | None, Query(description="Only this firm's.")]
Vehicles = Annotated[
    list[UUID], Query(alias="vehicle_id", max_length=200, description="Only these vehicles.")
]
