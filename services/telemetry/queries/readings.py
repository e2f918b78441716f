"""Reading the log of readings of positions."""

import json
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


async def page_readings(
    session: AsyncSession, who: Principal, vehicle_id: UUID | None, cursor: str | None, limit: int
) -> tuple[list[PositionReadingOut], str | None]:
    """Give a page of the readings that concern the caller's vehicles, of one named vehicle when asked."""
    statement = select(AccessEntry).where(owned(who, AccessEntry.enterprise_id))
    if vehicle_id is not None:
        owner = select(Vehicle.enterprise_id).where(Vehicle.id == vehicle_id).scalar_subquery()
        named = {"extent": {"vehicle_ids": [str(vehicle_id)]}}
        entry = cast(cast(func.convert_from(AccessEntry.entry, "UTF8"), Text), JSONB)
        statement = statement.where(AccessEntry.enterprise_id == owner, entry.contains(named))
    rows, following = await page(session, statement, [AccessEntry.pos], cursor, limit)
    return [_shown(row.pos, json.loads(row.entry)) for row in rows], following


def _shown(pos: int, entry: dict[str, Any]) -> PositionReadingOut:
    said = {name: entry[member] for name, member in _READING.items()}
    extent = {_RENAMED.get(name, name): value for name, value in entry.get("extent", {}).items()}
    return PositionReadingOut.model_validate({"log_pos": pos, **said, **extent})
