"""Applying the registry's feed to the local copies."""

from datetime import datetime
from typing import Any

from geoalchemy2.shape import from_shape
from pydantic import BaseModel
from shapely.geometry import MultiPolygon, Polygon, shape
from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth.revocations import apply_client
from services.shared.events.registry import (
    AreaState,
    ClientState,
    EnterpriseState,
    VehicleState,
)
from services.shared.events.registry import (
    AreaVersion as PublishedVersion,
)
from services.shared.follow import Change, upsert_copy
from services.telemetry.models import Area, AreaVersion, Base, Enterprise, Vehicle, kernel

KINDS: dict[str, type[BaseModel]] = {
    "client": ClientState,
    "enterprise": EnterpriseState,
    "vehicle": VehicleState,
    "area": AreaState,
}
COPY_VERSION = 1
_ENQUEUE = text("""
    INSERT INTO telemetry.pending_derivations (vehicle_id, since)
    SELECT vehicle_id, :since FROM telemetry.terminal_bindings
    WHERE is_primary AND (valid_to IS NULL OR valid_to > :since) GROUP BY vehicle_id
""")


async def apply_registry_change(session: AsyncSession, change: Change) -> None:
    """Bring one change of the registry into the copies; a moved area enqueues the vehicles it may concern."""
    state = change.state
    if change.kind == "client":
        await apply_client(session, "telemetry", state)
    elif change.kind == "enterprise":
        values = {"name": state.name, "status": state.status, "is_demo": state.is_demo}
        await upsert_copy(session, _table(Enterprise), change, **values)
    elif change.kind == "vehicle":
        names = ("enterprise_id", "plate_number", "plate_color", "valid_from", "valid_to", "is_demo")
        await upsert_copy(session, _table(Vehicle), change, **{name: getattr(state, name) for name in names})
    elif change.kind == "area":
        await _apply_area(session, change, state)


async def reset_registry_copies(session: AsyncSession) -> None:
    """Empty the copies before a snapshot; derivation looks at every vehicle again."""
    for table in (_table(Vehicle), _table(Enterprise), _table(Area), kernel.revoked_subjects):
        await session.execute(delete(table))


def _table(entity: type[Base]) -> Any:
    return entity.__table__


async def _apply_area(session: AsyncSession, change: Change, state: AreaState) -> None:
    before = {row.valid_from: row for row in await session.scalars(_versions_of(change))}
    known = {at: (row.valid_to, bytes(row.geometry.data)) for at, row in before.items()}
    names = {"code": state.code, "name": state.name, "kind": state.kind}
    if not await upsert_copy(session, _table(Area), change, **names):
        return
    if not change.deleted:
        await session.execute(delete(AreaVersion).where(AreaVersion.area_id == change.id))
        rows = [_row(change, version) for version in state.versions]
        if rows:
            await session.execute(insert(AreaVersion), rows)
    session.expire_all()
    after = {
        row.valid_from: (row.valid_to, bytes(row.geometry.data))
        for row in await session.scalars(_versions_of(change))
    }
    since = _first_difference(known, after)
    if since is not None:
        await session.execute(_ENQUEUE, {"since": since})


def _versions_of(change: Change) -> Any:
    return select(AreaVersion).where(AreaVersion.area_id == change.id)


def _row(change: Change, version: PublishedVersion) -> dict[str, Any]:
    polygon = shape(version.geometry)
    if isinstance(polygon, Polygon):
        polygon = MultiPolygon([polygon])
    return {
        "area_id": change.id,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
        "geometry": from_shape(polygon, srid=4326),
    }


Versions = dict[datetime, tuple[datetime | None, bytes]]


def _first_difference(before: Versions, after: Versions) -> datetime | None:
    """Give the first instant at which the two histories of a shape differ, None when they are the same."""
    starts: list[datetime] = []
    for at in before.keys() | after.keys():
        old, new = before.get(at), after.get(at)
        if old == new:
            continue
        if old is None or new is None or old[1] != new[1]:
            starts.append(at)
        else:
            starts += [end for end in (old[0], new[0]) if end is not None]
    return min(starts) if starts else None
