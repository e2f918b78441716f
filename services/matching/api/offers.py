"""`/v1/offers`: carriers' prices, and the shipper's decision."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.matching.api.parties import Decisions, Firm, Party
from services.matching.operations import offers as operations
from services.matching.queries import offers as queries
from services.matching.queries.offers import sees_in_full
from services.matching.schemas.offers import OfferCreate, OfferOut, show_offer
from services.matching.schemas.waybills import WaybillOut, show_waybill
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/offers", tags=["offers"])


@router.post("", status_code=201, summary="报价 / Make an offer", responses=problems(409))
async def make_offer(who: Firm, session: WriteTx, desk: Decisions, now: Now, given: OfferCreate) -> OfferOut:
    """Offer to carry an open load with one of the caller's own vehicles.

    409 `vehicle-not-feasible` names the `reasons` exactly.
    """
    return show_offer(await operations.make_offer(session, desk, who, given, now), full=True)


@router.get("", summary="报价列表 / List offers")
async def list_offers(
    who: Party,
    session: ReadTx,
    load_id: Annotated[UUID | None, Query(description="Only offers for this load.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OfferOut]:
    """List offers the caller made or received, oldest first."""
    items, following = await queries.page_offers(session, who, load_id, cursor, limit)
    shown = [show_offer(offer, full=sees_in_full(who, offer)) for offer in items]
    return Page(items=shown, next_cursor=following)


@router.get("/{offer_id}", summary="报价信息 / Read an offer")
async def read_offer(who: Party, session: ReadTx, offer_id: UUID) -> OfferOut:
    """Return an offer the caller made or received."""
    offer = await queries.get_offer(session, who, offer_id)
    return show_offer(offer, full=sees_in_full(who, offer))


@router.post(
    "/{offer_id}/acceptance", status_code=201, summary="接受报价 / Accept an offer", responses=problems(409)
)
async def accept_offer(who: Firm, session: WriteTx, desk: Decisions, now: Now, offer_id: UUID) -> WaybillOut:
    """Award the load: exactly one offer wins, and its vehicle is promised for the job's hours."""
    waybill, load = await operations.accept_offer(session, desk, who, offer_id, now)
    return show_waybill(waybill, load)


@router.post("/{offer_id}/rejection", summary="拒绝报价 / Reject an offer", responses=problems(409))
async def reject_offer(who: Firm, session: WriteTx, now: Now, offer_id: UUID) -> OfferOut:
    """Refuse an open offer for the caller's load."""
    return show_offer(await operations.reject_offer(session, who, offer_id, now), full=False)


@router.post("/{offer_id}/withdrawal", summary="撤回报价 / Withdraw an offer", responses=problems(409))
async def withdraw_offer(who: Firm, session: WriteTx, now: Now, offer_id: UUID) -> OfferOut:
    """Take back an open offer of the caller's."""
    return show_offer(await operations.withdraw_offer(session, who, offer_id, now), full=True)
