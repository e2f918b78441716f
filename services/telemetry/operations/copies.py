"""Applying the registry's feed to the local copies."""

from typing import Any

from geoalchemy2.shape import from_shape, to_shape
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
from services.telemetry.domain.area_changes import touched
from services.telemetry.domain.cells import ANYWHERE
from services.telemetry.domain.crossings import AreaVersion as Shape
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.models import Area, AreaVersion, Base, Enterprise, Vehicle, kernel
from services.telemetry.operations.derivation import LOCK
from services.telemetry.operations.ended_vehicles import end_bindings

KINDS: dict[str, type[BaseModel]] = {
    "client": ClientState,
    "enterprise": EnterpriseState,
    "vehicle": VehicleState,
    "area": AreaState,
}
COPY_VERSION = 2
_LAST_HOUR = 2**31 - 1
_ENQUEUE = """
    INSERT INTO telemetry.pending_derivations (vehicle_id, since, until)
    SELECT vehicle_id, greatest(CAST(:since AS timestamptz), to_timestamp(min(hour) * 3600.0)),
        to_timestamp((max(hour) + 1) * 3600.0)
    FROM telemetry.vehicle_cells WHERE hour >= :first AND hour < :beyond {} GROUP BY vehicle_id
"""
_TOUCH = text(_ENQUEUE.format("AND cell = any(CAST(:cells AS integer[]))"))
_TOUCH_ALL = text(_ENQUEUE.format(""))
_ENQUEUE_BOUND = text("""
    INSERT INTO telemetry.pending_derivations (vehicle_id, since)
    SELECT CAST(:vehicle AS uuid), CAST(:since AS timestamptz)
    WHERE EXISTS (SELECT FROM telemetry.terminal_bindings WHERE vehicle_id = :vehicle)
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
        await _apply_vehicle(session, change, state)
    elif change.kind == "area":
        await _apply_area(session, change, state)


async def reset_registry_copies(session: AsyncSession) -> None:
    """Empty the copies before a snapshot; derivation looks at all again that an area touches."""
    areas = (await session.scalars(select(AreaVersion))).all()
    for area_id in {row.area_id for row in areas}:
        await _touch(session, [_shape(row) for row in areas if row.area_id == area_id], [])
    for table in (_table(Vehicle), _table(Enterprise), _table(Area), kernel.revoked_subjects):
        await session.execute(delete(table))
    session.expire_all()


def _table(entity: type[Base]) -> Any:
    return entity.__table__


async def _apply_vehicle(session: AsyncSession, change: Change, state: VehicleState) -> None:
    """Copy a vehicle; other refrigeration means other limits for its cargo, from the beginning."""
    before = await session.scalar(select(Vehicle.refrigeration).where(Vehicle.id == change.id))
    names = (
        "enterprise_id", "plate_number", "plate_color", "valid_from", "valid_to", "is_demo", "refrigeration",
    )  # fmt: skip
    values = {name: getattr(state, name) for name in names}
    newer = await upsert_copy(session, _table(Vehicle), change, **values)
    if newer and (before or "none") != state.refrigeration:
        await session.execute(_ENQUEUE_BOUND, {"vehicle": change.id, "since": state.valid_from})
    if newer and state.valid_to is not None:
        await end_bindings(session, change.id, state.valid_to)


async def _apply_area(session: AsyncSession, change: Change, state: AreaState) -> None:
    before = [_shape(row) for row in await session.scalars(_versions_of(change))]
    kind = await session.scalar(select(Area.kind).where(Area.id == change.id))
    names = {"code": state.code, "name": state.name, "kind": state.kind}
    if not await upsert_copy(session, _table(Area), change, **names):
        return
    if not change.deleted:
        await session.execute(delete(AreaVersion).where(AreaVersion.area_id == change.id))
        rows = [_row(change, version) for version in state.versions]
        if rows:
            await session.execute(insert(AreaVersion), rows)
    session.expire_all()
    after = [_shape(row) for row in await session.scalars(_versions_of(change))]
    if kind in {None, state.kind}:
        await _touch(session, before, after)
    else:  # rules about areas of a kind: all its visits may raise other alerts
        await _touch(session, before, [])
        await _touch(session, [], after)


async def _touch(session: AsyncSession, before: list[Shape], after: list[Shape]) -> None:
    """Put the vehicles that a change of an area may concern on the work list.

    What a derivation under way writes must be seen, and the next one must see the change: so it waits for
    the one and keeps the other waiting.
    """
    found = touched(before, after)
    if found:
        await session.execute(LOCK)
    for each in found:
        beyond = _LAST_HOUR if each.beyond_hour is None else each.beyond_hour
        values = {"since": from_ms(each.since_ms), "first": each.first_hour, "beyond": beyond}
        if each.cells is None:
            await session.execute(_TOUCH_ALL, values)
        else:
            await session.execute(_TOUCH, {**values, "cells": sorted({*each.cells, ANYWHERE})})


def _shape(row: AreaVersion) -> Shape:
    valid_to = None if row.valid_to is None else to_ms(row.valid_to)
    return Shape(row.area_id, to_ms(row.valid_from), valid_to, to_shape(row.geometry))


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
