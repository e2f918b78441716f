"""`/v1/track-aggregates` 历史轨迹（5分钟汇总）: what is left of tracks older than positions are kept."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from services.shared.routes import Router
from services.shared.sessions import ReadTx
from services.telemetry.api.positions import GeoJsonResponse
from services.telemetry.api.reading import InWindow, Stated
from services.telemetry.operations.positions import read_track_aggregates as read

router = Router(tags=["positions"])

_GEOJSON: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "GeoJSON FeatureCollection (RFC 7946), marked with `source: aggregates`",
        "content": {
            "application/geo+json": {
                "schema": {"type": "object"},
                "example": {
                    "type": "FeatureCollection",
                    "vehicle_id": "0197a3c2-5e0f-7b1a-8c3d-2f4e6a8b0c1d",
                    "source": "aggregates",
                    "interval_s": 300,
                    "dropped_before": "2026-05-01T00:00:00.000Z",
                    "next_from": None,
                    "features": [
                        {
                            "type": "Feature",
                            "geometry": {"type": "Point", "coordinates": [122.0701, 41.1203]},
                            "properties": {
                                "time": "2026-03-01T00:30:00.000Z",
                                "fixes": 30,
                                "jumps": 0,
                                "first_at": "2026-03-01T00:30:00.000Z",
                                "first": [122.07, 41.12],
                                "last_at": "2026-03-01T00:34:50.000Z",
                                "last": [122.0712, 41.1211],
                                "distance_km": 2.314,
                                "moving_s": 240,
                                "max_speed_kmh": 46.5,
                                "mileage_km": 15321.4,
                                "min_cargo_temp_c": None,
                                "max_cargo_temp_c": None,
                            },
                        }
                    ],
                },
            }
        },
    }
}


@router.get(
    "/v1/track-aggregates",
    response_class=GeoJsonResponse,
    responses=_GEOJSON,
    summary="历史轨迹汇总 / Aggregates of a track",
)
async def read_track_aggregates(
    vehicle_id: Annotated[UUID, Query(description="Whose.")],
    asked: Stated,
    window: InWindow,
    session: ReadTx,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most features.")] = 2_000,
) -> GeoJsonResponse:
    """Give a vehicle's five minutes as points (the mean place), of days before `dropped_before`.

    Of the days since then `/v1/tracks` has every fix. `next_from` continues a long answer.
    """
    return GeoJsonResponse(await read(session, asked, vehicle_id, window, limit))
