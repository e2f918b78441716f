"""What a load asks of vehicles, read for an evaluation: its row, the areas over its places, the bookings.

These are read with the service's own rights: whether a vehicle is booked, or an area covers a place, counts
for everyone, while who sees which answer is decided on what is shown (`design.md`, Tenancy by party).
"""

from datetime import datetime
from typing import Any

from services.matching.domain.cargo import TemperatureClass
from services.matching.domain.job import Covering, Job, Stop
from services.matching.models import Load
from services.shared.db import Database, DbScope

OWN_RIGHTS = DbScope(role="service", subject="svc:matching")

_COVERING = """
SELECT p.place, v.area_id, v.valid_from, v.valid_to
FROM (VALUES (0, ST_SetSRID(ST_MakePoint($1::float8, $2::float8), 4326), $3::timestamptz, $4::timestamptz),
             (1, ST_SetSRID(ST_MakePoint($5::float8, $6::float8), 4326), $7::timestamptz, $8::timestamptz)
     ) AS p (place, point, since, until)
JOIN matching.area_versions AS v ON ST_Covers(v.geometry, p.point)
    AND v.valid_from < p.until AND (v.valid_to IS NULL OR v.valid_to > p.since)
"""
_BOOKED = """
SELECT DISTINCT vehicle_id FROM matching.assignments
WHERE released_at IS NULL AND during && tstzrange($1, $2)
"""


async def get_job(database: Database, load: Load, now: datetime) -> Job:
    """Return what an open load asks from now on; its pickup window must not have passed."""
    stops = (
        (load.origin_lon, load.origin_lat, max(load.pickup_from, now), load.pickup_to),
        (load.destination_lon, load.destination_lat, max(load.delivery_from, now), load.delivery_to),
    )
    async with database.acquire(OWN_RIGHTS, readonly=True) as connection:
        covering = await connection.fetch(_COVERING, *stops[0], *stops[1])
        booked = await connection.fetch(_BOOKED, load.pickup_from, load.delivery_to)
    return Job(
        pickup=Stop(*stops[0], covered_by=_covering(covering, 0)),
        delivery=Stop(*stops[1], covered_by=_covering(covering, 1)),
        weight_kg=load.weight_kg,
        volume_m3=load.volume_m3,
        temperature=TemperatureClass(load.temperature_class),
        now=now,
        booked=frozenset(row["vehicle_id"] for row in booked),
    )


def _covering(rows: list[Any], place: int) -> tuple[Covering, ...]:
    found = (
        Covering(row["area_id"], row["valid_from"], row["valid_to"]) for row in rows if row["place"] == place
    )
    return tuple(sorted(found, key=lambda covering: (covering.area_id, covering.valid_from)))
