"""`/v1/permits`."""

from typing import Annotated

from fastapi import Query

from services.permits.api.callers import Party, PoliceOfficial
from services.permits.models import Permit
from services.permits.operations.permits import revoke_permit
from services.permits.queries.permits import get_permit, page_permits
from services.permits.schemas.permits import PermitOut, PermitStatus, ReasonIn
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.schemas import Identifier
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/permits", tags=["permits"])


@router.get("", response_model=Page[PermitOut], summary="通行证列表 / List permits")
async def list_permits(
    who: Party,
    session: ReadTx,
    vehicle_id: Annotated[Identifier | None, Query(description="Only of this vehicle.")] = None,
    status: Annotated[PermitStatus | None, Query(description="Only with this status.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> object:
    """List permits: an enterprise its own, offices all."""
    items, following = await page_permits(
        session, who, vehicle_id=vehicle_id, status=status, cursor=cursor, limit=limit
    )
    return {"items": items, "next_cursor": following}


@router.get("/{permit_id}", response_model=PermitOut, summary="通行证 / Read a permit")
async def read_permit(who: Party, session: ReadTx, permit_id: Identifier) -> Permit:
    """Read one permit."""
    return await get_permit(session, who, permit_id)


@router.post(
    "/{permit_id}/revocation",
    response_model=PermitOut,
    responses=problems(409),
    summary="撤销通行证 / Revoke a permit",
)
async def revoke_one_permit(
    official: PoliceOfficial, session: WriteTx, permit_id: Identifier, body: ReasonIn, now: Now
) -> Permit:
    """Take a permit away at once; a named official of the police."""
    return await revoke_permit(session, official, permit_id, body, now)
