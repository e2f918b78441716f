"""`/v1/position-tiles` and `/v1/density-tiles`: Mapbox vector tiles; an empty one is 204."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request, Response
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from services.shared.auth import Principal, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.errors import FieldError
from services.shared.routes import Router
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx
from services.telemetry.api.reading import InTile, Rules, Stated
from services.telemetry.errors import RangeTooLong
from services.telemetry.operations.positions import read_position_tile as read
from services.telemetry.queries.tiles import LEAST_VEHICLES

router = Router(tags=["tiles"])

MEDIA_TYPE: Final = "application/vnd.mapbox-vector-tile"
_LONGEST, _DEFAULT = timedelta(days=7), timedelta(days=1)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Mapbox Vector Tile 2.1",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    204: {"description": "无内容 / Nothing lies in this tile"},
}
Bureau = Annotated[Principal, Depends(require(*BUREAUS))]


def _is_whole(at: datetime) -> datetime:
    if at != _hour_of(at):
        message = "须为整点 / must be a whole hour: no minutes and no seconds"
        raise PydanticCustomError("hour_not_whole", message)
    return at


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


Hour = Annotated[Instant, AfterValidator(_is_whole)]


async def _hours(
    now: Now,
    start: Annotated[
        Hour | None,
        Query(
            alias="from", description="A whole hour (minutes and seconds 0), included; default a day before."
        ),
    ] = None,
    end: Annotated[
        Hour | None,
        Query(
            alias="to", description="A whole hour (minutes and seconds 0), excluded; default the present one."
        ),
    ] = None,
) -> tuple[datetime, datetime]:
    last = end or _hour_of(now)
    first = start or last - _DEFAULT
    if not first < last <= first + _LONGEST:
        message = "须为1小时至7天 / one hour to seven days, `from` before `to`"
        raise RangeTooLong(errors=[FieldError("query.from", "window", message)])
    return first, last


def _answer(body: bytes, kept_s: int) -> Response:
    headers = {"Cache-Control": f"private, max-age={kept_s}" if kept_s else "private, no-store"}
    if not body:
        return Response(status_code=204, headers=headers)
    return Response(body, media_type=MEDIA_TYPE, headers=headers)


@router.get(
    "/v1/position-tiles/{z}/{x}/{y}.mvt",
    response_class=Response,
    responses=_ANSWERS,
    summary="最新位置瓦片 / Tile of latest positions",
)
async def read_position_tile(
    tile: InTile, asked: Stated, rules: Rules, session: ReadTx, request: Request
) -> Response:
    """Give layer `positions`: the caller's terminals by their newest good fix; feature ids are stable.

    Offices and police state a purpose; what they look at is on record, one entry a firm every ten minutes.
    """
    return _answer(await read(session, asked, request.app.state.watches, tile, rules), 0)


@router.get(
    "/v1/density-tiles/{z}/{x}/{y}.mvt",
    response_class=Response,
    responses=_ANSWERS,
    summary="密度瓦片 / Tile of densities",
    description=(
        "Layer `densities`: fixes and vehicles by cell of 0.01 degrees over whole hours, one to 168 of them:"
        " other instants are refused. Cells with fewer"
        f" than {LEAST_VEHICLES} vehicles are left out, so nobody's ways can be read from it; below zoom 4 a"
        " cell is smaller than a tile can show."
    ),
)
async def read_density_tile(
    tile: InTile,
    who: Bureau,
    window: Annotated[tuple[datetime, datetime], Depends(_hours)],
    request: Request,
) -> Response:
    """Give fixes and vehicles by cell."""
    return _answer(await request.app.state.densities.read_tile(who.db_scope, tile, window), 300)
