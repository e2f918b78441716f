"""`/v1/tracks`: a vehicle's fixes in time order, as GeoJSON, CSV or GPX."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Query, Response

from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx
from services.telemetry.api.forms import Accept, pick
from services.telemetry.api.reading import InWindow, Rules, Stated
from services.telemetry.operations.positions import read_track as read
from services.telemetry.queries.tracks import CSV_HEADER, TrackFilter, TrackFormat, TrackPage

router = Router(tags=["positions"])

_MEDIA: Final[dict[str, TrackFormat]] = {
    "application/geo+json": "geojson",
    "application/json": "geojson",
    "text/csv": "csv",
    "application/gpx+xml": "gpx",
}
_TYPES: Final[dict[TrackFormat, str]] = {
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8; header=present",
    "gpx": "application/gpx+xml",
}
_NEXT = {
    "X-Next-From": {
        "description": "Where the track goes on, of CSV and GPX; absent at its end.",
        "schema": {"type": "string", "format": "date-time"},
    }
}
_TEXT = {"schema": {"type": "string"}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "GeoJSON Feature (RFC 7946), CSV (RFC 4180) or GPX 1.1",
        "headers": _NEXT,
        "content": {
            "application/geo+json": {"schema": {"type": "object"}},
            "text/csv": _TEXT,
            "application/gpx+xml": _TEXT,
        },
    },
    **problems(406),
}
_GPX_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<gpx version="1.1" creator="cityfreight" xmlns="http://www.topografix.com/GPX/1/1"'
    ' xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">'
    "<trk><name>{}</name><trkseg>\n"
)
_GPX_TAIL = "\n</trkseg></trk></gpx>\n"


async def _form(
    accept: Accept = None,
    wanted: Annotated[
        TrackFormat | None, Query(alias="format", description="Form; default by Accept, else GeoJSON.")
    ] = None,
) -> TrackFormat:
    form: TrackFormat = pick(wanted, accept, _MEDIA)  # type: ignore[assignment]  # one of the offered
    return form


@router.get("/v1/tracks", response_class=Response, responses=_ANSWERS, summary="轨迹 / A vehicle's track")
async def read_track(
    vehicle_id: Annotated[UUID, Query(description="Whose.")],
    asked: Stated,
    window: InWindow,
    rules: Rules,
    session: ReadTx,
    form: Annotated[TrackFormat, Depends(_form)],
    tolerance_m: Annotated[
        float,
        Query(
            ge=0, le=10_000, description="Fixes this near to the line are left out; 0: every fix is given."
        ),
    ] = 0.0,
    limit: Annotated[int, Query(ge=1, le=20_000, description="Most fixes, before thinning.")] = 10_000,
) -> Response:
    """Give a vehicle's fixes in time order; `next_from` continues a long one.

    `jumps` are the places of the points to which no vehicle can have driven from the one before; thinning
    keeps both. An export (CSV, GPX) is on record for firms too. Of before `dropped_before` there is only what
    a legal hold keeps; `/v1/track-aggregates` has what is left of the rest.
    """
    wanted = TrackFilter(vehicle_id, window, tolerance_m, limit)
    return _answer(wanted, form, await read(session, asked, wanted, rules, form))


def _answer(wanted: TrackFilter, form: TrackFormat, page: TrackPage) -> Response:
    body = {
        "geojson": page.body,
        "csv": CSV_HEADER + page.body,
        "gpx": _GPX_HEAD.format(wanted.vehicle_id) + page.body + _GPX_TAIL,
    }[form]
    headers = {"Cache-Control": "private, no-store", "Vary": "Accept"}
    if form != "geojson":
        headers["Content-Disposition"] = f'attachment; filename="track-{wanted.vehicle_id}.{form}"'
        headers |= {} if page.next_from is None else {"X-Next-From": page.next_from}
    return Response(body, media_type=_TYPES[form], headers=headers)
