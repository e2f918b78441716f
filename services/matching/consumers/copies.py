"""The copies of others' facts: what is followed, and how each change is brought in.

Vehicles, rules and permits that are gone stay as rows marked `deleted`, so that whoever reads only what
came after a position learns of it too.
"""

import json
from dataclasses import replace
from typing import Any

import httpx
from pydantic import BaseModel
from sqlalchemy import Table, delete, func, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import (
    SCHEMA,
    AreaCopy,
    AreaShape,
    EnterpriseCopy,
    PermitCopy,
    RestrictionRuleCopy,
    VehicleCopy,
)
from services.shared.auth.revocations import apply_client
from services.shared.events.permits import PermitState, RestrictionRuleState
from services.shared.events.registry import AreaState, ClientState, EnterpriseState, VehicleState
from services.shared.follow import Change, Source, upsert_copy

REGISTRY_COPY_VERSION = 2
PERMITS_COPY_VERSION = 1

_REGISTRY_COPIES = (AreaShape, AreaCopy, VehicleCopy, EnterpriseCopy)
_PERMITS_COPIES = (RestrictionRuleCopy, PermitCopy)


def registry_source(client: httpx.AsyncClient) -> Source:
    """Return the registry's feed and what is copied of it."""
    kinds: dict[str, type[BaseModel]] = {
        "client": ClientState,
        "enterprise": EnterpriseState,
        "vehicle": VehicleState,
        "area": AreaState,
    }
    return Source("registry", client, kinds, REGISTRY_COPY_VERSION)


def permits_source(client: httpx.AsyncClient) -> Source:
    """Return the permits' feed and what is copied of it."""
    kinds: dict[str, type[BaseModel]] = {"restriction_rule": RestrictionRuleState, "permit": PermitState}
    return Source("permits", client, kinds, PERMITS_COPY_VERSION)


async def apply_registry(session: AsyncSession, change: Change) -> None:
    """Bring one change of the registry into the copies."""
    if change.kind == "client":
        await apply_client(session, SCHEMA, change.state)
    elif change.kind == "enterprise":
        state: EnterpriseState = change.state
        values = {"status": state.status, "standings": state.to_course().dump(), "is_demo": state.is_demo}
        gone = {"status": "closed", "standings": []} if change.deleted else {}
        await _keep(session, EnterpriseCopy, change, **(values | gone))
    elif change.kind == "vehicle":
        await _keep_state(session, VehicleCopy, change, enterprise_id=change.state.enterprise_id)
    elif await upsert_copy(session, _table(AreaCopy), change, pos=change.pos):
        await _replace_shapes(session, change)


async def apply_permits(session: AsyncSession, change: Change) -> None:
    """Bring one change of permits into the copies."""
    if change.kind == "permit":
        await _keep_state(session, PermitCopy, change, enterprise_id=change.state.enterprise_id)
    else:
        await _keep_state(session, RestrictionRuleCopy, change)


async def reset_registry(session: AsyncSession) -> None:
    """Empty the copies of the registry before they are built again."""
    for model in _REGISTRY_COPIES:
        await session.execute(delete(model))


async def reset_permits(session: AsyncSession) -> None:
    """Empty the copies of permits before they are built again."""
    for model in _PERMITS_COPIES:
        await session.execute(delete(model))


async def _replace_shapes(session: AsyncSession, change: Change) -> None:
    await session.execute(delete(AreaShape).where(AreaShape.area_id == change.id))
    state: AreaState = change.state
    rows = [
        {
            "area_id": change.id,
            "valid_from": shape.valid_from,
            "valid_to": shape.valid_to,
            "geometry": func.ST_SetSRID(func.ST_GeomFromGeoJSON(json.dumps(shape.geometry)), 4326),
        }
        for shape in state.versions
    ]
    if rows and not change.deleted:
        await session.execute(insert(AreaShape).values(rows))


async def _keep_state(session: AsyncSession, model: Any, change: Change, **values: Any) -> None:
    state = change.state.model_dump(mode="json")
    await _keep(session, model, change, state=state, deleted=change.deleted, **values)


async def _keep(session: AsyncSession, model: Any, change: Change, **values: Any) -> None:
    await upsert_copy(session, _table(model), replace(change, deleted=False), pos=change.pos, **values)


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table
