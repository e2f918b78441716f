"""`/v1/legal-holds` 证据保全: positions kept whatever their age; named officials alone."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx
from services.telemetry.operations.legal_holds import lift_hold as lift
from services.telemetry.operations.legal_holds import place_hold
from services.telemetry.queries.legal_holds import get_hold, page_holds
from services.telemetry.schemas.legal_holds import LegalHoldCreate, LegalHoldLifting, LegalHoldOut

router = Router(prefix="/v1/legal-holds", tags=["legal-holds"])

Official = Annotated[Principal, Depends(require(Role.police, *BUREAUS, official=True))]
HoldId = Annotated[UUID, Path(description="The hold.")]


@router.post("", status_code=201, summary="证据保全 / Place a legal hold")
async def create_legal_hold(body: LegalHoldCreate, who: Official, session: WriteTx, now: Now) -> LegalHoldOut:
    """Keep the positions of a vehicle, or of all, and of an interval, until the hold is lifted."""
    return LegalHoldOut.model_validate(await place_hold(session, who, body, now))


@router.get("", summary="证据保全列表 / List legal holds")
async def list_legal_holds(
    who: Official,  # noqa: ARG001  the guard
    session: ReadTx,
    vehicle_id: Annotated[UUID | None, Query(description="Holds that keep this vehicle's positions.")] = None,
    include_lifted: Annotated[bool, Query(description="Those too that have been lifted.")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LegalHoldOut]:
    """Page over holds, oldest first; with a vehicle those that keep its positions."""
    holds, next_cursor = await page_holds(session, vehicle_id, cursor, limit, with_lifted=include_lifted)
    return Page(items=[LegalHoldOut.model_validate(hold) for hold in holds], next_cursor=next_cursor)


@router.get("/{hold_id}", summary="证据保全信息 / Read a legal hold")
async def read_legal_hold(
    hold_id: HoldId,
    who: Official,  # noqa: ARG001  the guard
    session: ReadTx,
) -> LegalHoldOut:
    """Give one hold, a lifted one too."""
    return LegalHoldOut.model_validate(await get_hold(session, hold_id))


@router.post("/{hold_id}/lifting", summary="解除证据保全 / Lift a legal hold", responses=problems(409))
async def lift_hold(
    hold_id: HoldId, body: LegalHoldLifting, who: Official, session: WriteTx, now: Now
) -> LegalHoldOut:
    """End a hold of one's own office; what is older than positions are kept is dropped then."""
    return LegalHoldOut.model_validate(await lift(session, who, hold_id, body.reason, now))
