"""Latest positions: the newest good fix of each of the caller's terminals."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.geo import Bbox
from services.telemetry.domain.states import ReadingRules, State
from services.telemetry.queries.positions import (
    FEATURE,
    IN_BOX,
    LATEST,
    OWN,
    STATE,
    Firms,
    edges,
    firms_of,
    held_to,
    thresholds,
)

_PAGE = text(f"""
WITH page AS (
    SELECT p.terminal_key, t.enterprise_id, {FEATURE} AS feature
    FROM {LATEST}
    WHERE p.terminal_key > :after AND {OWN} AND {IN_BOX}
      AND (CAST(:fleet AS uuid) IS NULL OR t.enterprise_id = :fleet)
      AND (CAST(:vehicles AS uuid[]) IS NULL OR b.vehicle_id = any(:vehicles))
      AND (CAST(:kind AS text) IS NULL OR t.kind = :kind)
      AND (CAST(:state AS text) IS NULL OR {STATE} = :state)
    ORDER BY p.terminal_key LIMIT :limit)
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(feature), '[]'),
    'next_cursor', CASE WHEN count(*) = :limit THEN max(terminal_key)::text END)::text AS body,
    CASE WHEN :counted THEN (SELECT json_object_agg(enterprise_id, n) FROM (
        SELECT enterprise_id, count(*) AS n FROM page GROUP BY enterprise_id) each) END AS firms
FROM page
""")  # noqa: S608  built of constants
_OWNERS = text("SELECT id, enterprise_id FROM telemetry.vehicles WHERE id = any(:vehicles)")


@dataclass(frozen=True, slots=True)
class LatestFilter:
    """Which latest positions: all given conditions hold."""

    box: Bbox | None = None
    fleet: UUID | None = None
    vehicles: tuple[UUID, ...] | None = None
    state: State | None = None
    kind: str | None = None


class LatestPage(NamedTuple):
    """A FeatureCollection by terminal key, and whose terminals it shows where that was asked for."""

    body: str
    firms: Firms


def latest_statement(
    who: Principal,
    wanted: LatestFilter,
    page: tuple[int, int],
    at: tuple[datetime, ReadingRules],
    *,
    counted: bool,
) -> tuple[TextClause, dict[str, Any]]:
    """Give the statement of a page (after, limit), and its parameters."""
    return _PAGE, {
        "after": page[0], "limit": page[1], "enterprise": held_to(who), "fleet": wanted.fleet,
        "vehicles": list(wanted.vehicles) if wanted.vehicles else None, "kind": wanted.kind,
        "state": wanted.state, "counted": counted, **edges(wanted.box), **thresholds(*at),
    }  # fmt: skip


async def get_latest_geojson(
    session: AsyncSession,
    who: Principal,
    wanted: LatestFilter,
    page: tuple[int, int],
    at: tuple[datetime, ReadingRules],
    *,
    counted: bool,
) -> LatestPage:
    """Give a page (after, limit) of the newest good fixes, their states judged at an instant."""
    row = (await session.execute(*latest_statement(who, wanted, page, at, counted=counted))).one()
    return LatestPage(row.body, firms_of(row.firms))


async def find_vehicle_owners(session: AsyncSession, vehicles: tuple[UUID, ...]) -> dict[UUID, UUID]:
    """Give the firm of each of these vehicles that is known here."""
    rows = await session.execute(_OWNERS, {"vehicles": list(vehicles)})
    return {row.id: row.enterprise_id for row in rows}
