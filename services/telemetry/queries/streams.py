"""What has changed in latest positions since a revision, for live streams; ownership is a `where` in it."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.states import ReadingRules
from services.telemetry.queries.positions import FEATURE, LATEST, OWN, thresholds

_CHANGED = text(f"""
SELECT p.revision, p.terminal_key, t.id AS terminal_id, t.enterprise_id, b.vehicle_id, p.lon, p.lat,
    {FEATURE}::text AS feature
FROM {LATEST} WHERE p.revision > :after AND {OWN} ORDER BY p.revision
""")  # noqa: S608  built of constants
_HEAD = text(f"""
SELECT coalesce(max(p.revision), 0) FROM telemetry.latest_positions p
JOIN telemetry.terminals t USING (terminal_key) WHERE {OWN}
""")  # noqa: S608  built of constants


class Change(NamedTuple):
    """The newest fix of a terminal, as it has changed at a revision."""

    revision: int
    terminal_key: int
    terminal_id: UUID
    enterprise_id: UUID
    vehicle_id: UUID | None
    lon: float
    lat: float
    feature: str


async def find_changed(
    session: AsyncSession, enterprise: UUID | None, after: int, at: tuple[datetime, ReadingRules]
) -> list[Change]:
    """Give the latest positions changed after a revision, in their order.

    Revisions grow in the order of commits: nothing at or below the last one given comes later.
    """
    values = {"after": after, "enterprise": enterprise, **thresholds(*at)}
    return [Change(*row) for row in await session.execute(_CHANGED, values)]


async def get_head(session: AsyncSession, enterprise: UUID | None) -> int:
    """Give the greatest revision; 0 where there is none."""
    return int(await session.scalar(_HEAD, {"enterprise": enterprise}) or 0)
