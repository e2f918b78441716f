"""The last step of every change: version + 1, the row written, its new state in the feed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import FEED, Area, Client, Enterprise, EnterpriseStanding, StaffAccount, Vehicle
from services.registry.queries.areas import versions_of
from services.registry.queries.enterprises import standings_of
from services.shared.auth.revocations import apply_client
from services.shared.events.registry import (
    AreaState,
    ClientState,
    EnterpriseState,
    StandingState,
    VehicleState,
)
from services.shared.writing import Refusals, write


async def _write_next(
    session: AsyncSession, entity: Any, now: datetime, refusals: Refusals | None = None
) -> None:
    entity.version += 1
    entity.updated_at = now
    session.add(entity)
    await write(session, refusals or {})


async def publish_enterprise(
    session: AsyncSession,
    enterprise: Enterprise,
    decision: EnterpriseStanding,
    now: datetime,
    refusals: Refusals | None = None,
) -> None:
    """Write a new or locked enterprise, the decision about its standing, and its state with all of them."""
    await _write_next(session, enterprise, now, refusals)
    session.add(decision)
    await write(session, {})
    state = enterprise_state(enterprise, await standings_of(session, enterprise.id))
    await FEED.record(
        session, kind="enterprise", entity_id=enterprise.id, version=enterprise.version, state=state
    )


def enterprise_state(
    enterprise: Enterprise | Mapping[str, Any], decisions: Sequence[EnterpriseStanding]
) -> EnterpriseState:
    """Return what is published of an enterprise, given as an entity or by its columns.

    Args:
        enterprise: The firm.
        decisions: All about its standing, by effective time.
    """
    standings = tuple(
        StandingState.model_validate({"status": each.status, "since": each.effective_at})
        for each in decisions
    )
    return EnterpriseState.model_validate(enterprise).model_copy(update={"standings": standings})


async def publish_vehicle(
    session: AsyncSession, vehicle: Vehicle, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked vehicle and its state."""
    await _write_next(session, vehicle, now, refusals)
    await FEED.record(
        session,
        kind="vehicle",
        entity_id=vehicle.id,
        version=vehicle.version,
        state=vehicle_state(vehicle),
    )


def vehicle_state(vehicle: Vehicle | Mapping[str, Any]) -> VehicleState:
    """Return what is published of a vehicle, given as an entity or by its columns."""
    return VehicleState.model_validate(vehicle)


async def publish_area(
    session: AsyncSession, area: Area, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked area and its state with all versions; they must be flushed before."""
    await _write_next(session, area, now, refusals)
    state = AreaState(
        id=area.id,
        code=area.code,
        name=area.name,
        kind=area.kind,
        schematic=area.schematic,
        versions=[dict(row) for row in await versions_of(session, area.id)],
    )
    await FEED.record(session, kind="area", entity_id=area.id, version=area.version, state=state)


async def publish_principal(
    session: AsyncSession, principal: Client | StaffAccount, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked client or staff account, its state, and this service's own revocations.

    A staff account goes by its id alone: a person's name is in no feed.
    """
    await _write_next(session, principal, now, refusals)
    state = ClientState(
        id=principal.id,
        subject=str(principal.id),
        role=principal.role,
        enterprise_id=principal.enterprise_id if isinstance(principal, Client) else None,
        status=principal.status,
    )
    await apply_client(session, "registry", state)
    await FEED.record(session, kind="client", entity_id=principal.id, version=principal.version, state=state)
