"""Reading the log of readings of positions."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.paging import page
from services.telemetry.models import AccessEntry, Vehicle
from services.telemetry.queries.terminals import owned
from services.telemetry.schemas.readings import PositionReadingOut

_READING: Final = {
    "read_at": "recorded_at",
    "reader": "subject",
    "reader_name": "name",
    "role": "role",
    "kind": "kind",
    "purpose": "purpose",
    "enterprise_id": "enterprise_id",
}
_RENAMED: Final = {"from": "read_from", "to": "read_to"}


@dataclass(frozen=True, slots=True)
class ReadingFilter:
    """Which readings: all given conditions hold; the window is half-open and holds when it was read."""

    vehicle_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None


async def page_readings(
    session: AsyncSession, who: Principal, wanted: ReadingFilter, cursor: str | None, limit: int
) -> tuple[list[PositionReadingOut], str | None]:
    """Give a page of the readings that concern the caller's vehicles, of one named vehicle when asked."""
    statement = select(AccessEntry).where(owned(who, AccessEntry.enterprise_id))
    if wanted.start is not None:
        statement = statement.where(AccessEntry.recorded_at >= wanted.start)
    if wanted.end is not None:
        statement = statement.where(AccessEntry.recorded_at < wanted.end)
    if wanted.vehicle_id is not None:
        owner = select(Vehicle.enterprise_id).where(Vehicle.id == wanted.vehicle_id).scalar_subquery()
        named = {"extent": {"vehicle_ids": [str(wanted.vehicle_id)]}}
        entry = cast(cast(func.convert_from(AccessEntry.entry, "UTF8"), Text), JSONB)
        statement = statement.where(AccessEntry.enterprise_id == owner, entry.contains(named))
    rows, following = await page(session, statement, [AccessEntry.pos], cursor, limit)
    return [_shown(row.pos, json.loads(row.entry)) for row in rows], following


def _shown(pos: int, entry: dict[str, Any]) -> PositionReadingOut:
    said = {name: entry[member] for name, member in _READING.items()}
    extent = {_RENAMED.get(name, name): value for name, value in entry.get("extent", {}).items()}
    return PositionReadingOut.model_validate({"log_pos": pos, **said, **extent})
