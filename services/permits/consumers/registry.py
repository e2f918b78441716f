"""Copies of the registry's enterprises, vehicles and areas, kept by following its feed."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

import httpx
from sqlalchemy import delete, func, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.models import KERNEL, Area, AreaVersion, Base, Enterprise, EnterpriseStanding, Vehicle
from services.permits.operations.permits import follow_registration
from services.permits.operations.publishing import new_edition
from services.shared.auth.revocations import apply_client
from services.shared.clock import utc_now
from services.shared.events.registry import AreaState, ClientState, EnterpriseState, VehicleState
from services.shared.follow import Change, Source, upsert_copy
from services.shared.rules.conditions import VehicleFacts
from services.shared.schemas import Event

COPY_VERSION = 3

_FACTS = {field.name for field in fields(VehicleFacts)} & VehicleState.model_fields.keys() - {"id"}


def registry_source(client: httpx.AsyncClient) -> Source:
    """Return what permits follows of the registry."""
    kinds: dict[str, type[Event]] = {
        "client": ClientState,
        "enterprise": EnterpriseState,
        "vehicle": VehicleState,
        "area": AreaState,
    }
    return Source("registry", client, kinds, COPY_VERSION)


async def apply_registry(session: AsyncSession, change: Change) -> None:
    """Bring one change of the registry into the copies and what hangs on them."""
    await _APPLY[change.kind](session, change)


async def reset_registry(session: AsyncSession) -> None:
    """Empty the copies before they are built again from the snapshot."""
    for copy in (AreaVersion, Area, Vehicle, EnterpriseStanding, Enterprise):
        await session.execute(delete(_table(copy)))
    await session.execute(delete(KERNEL.revoked_subjects))
    await new_edition(session)


async def _apply_client(session: AsyncSession, change: Change) -> None:
    await apply_client(session, "permits", change.state)


async def _apply_enterprise(session: AsyncSession, change: Change) -> None:
    state: EnterpriseState = change.state
    values = {"name": state.name, "status": state.status, "is_demo": state.is_demo}
    if not await upsert_copy(session, _table(Enterprise), change, **values):
        return
    await session.execute(delete(EnterpriseStanding).where(EnterpriseStanding.enterprise_id == state.id))
    if not change.deleted:
        statuses = [each.status for each in state.standings] or [state.status]
        rows = [
            {
                "enterprise_id": state.id,
                "since": standing.since,
                "status": "active" if standing.open else status,
                "lapses": list(standing.lapses),
            }
            for standing, status in zip(state.to_course().standings, statuses, strict=True)
        ]
        await session.execute(insert(_table(EnterpriseStanding)), rows)


async def _apply_vehicle(session: AsyncSession, change: Change) -> None:
    state: VehicleState = change.state
    newer = await upsert_copy(
        session,
        _table(Vehicle),
        change,
        enterprise_id=state.enterprise_id,
        plate_number=state.plate_number,
        plate_color=state.plate_color,
        valid_from=state.valid_from,
        valid_to=state.valid_to,
        facts=state.model_dump(mode="json", include=_FACTS, exclude_none=True),
        standings=state.to_course().dump(),
        is_demo=state.is_demo,
    )
    if newer:
        await follow_registration(session, state.id, state.valid_to, utc_now())


async def _apply_area(session: AsyncSession, change: Change) -> None:
    state: AreaState = change.state
    values = {"code": state.code, "name": state.name, "kind": state.kind, "schematic": state.schematic}
    if not await upsert_copy(session, _table(Area), change, **values):
        return
    await session.execute(delete(AreaVersion).where(AreaVersion.area_id == state.id))
    for version in [] if change.deleted else state.versions:
        geometry = func.ST_Multi(func.ST_SetSRID(func.ST_GeomFromGeoJSON(json.dumps(version.geometry)), 4326))
        await session.execute(
            insert(AreaVersion).values(
                area_id=state.id,
                valid_from=version.valid_from,
                valid_to=version.valid_to,
                geometry=geometry,
            )
        )
    await new_edition(session)


def _table(entity: type[Base]) -> Any:
    return entity.__table__


_APPLY: dict[str, Callable[[AsyncSession, Change], Awaitable[None]]] = {
    "client": _apply_client,
    "enterprise": _apply_enterprise,
    "vehicle": _apply_vehicle,
    "area": _apply_area,
}
