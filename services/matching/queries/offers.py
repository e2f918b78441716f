"""Reading offers."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Offer
from services.matching.queries.parties import firm_of, is_party
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


async def get_offer(session: AsyncSession, who: Principal, offer_id: UUID) -> Offer:
    """Return an offer of which the caller is a party.

    Raises:
        NotFound: Unknown, or not the caller's.
    """
    offer = await session.scalar(select(Offer).where(Offer.id == offer_id, is_party(who, Offer)))
    if offer is None:
        raise NotFound
    return offer


async def get_received_offer(session: AsyncSession, who: Principal, offer_id: UUID) -> Offer:
    """Return an offer for a load of the calling shipper.

    Raises:
        NotFound: Unknown, or not for the caller's load.
    """
    offer = await session.scalar(select(Offer).where(Offer.id == offer_id, Offer.shipper_id == firm_of(who)))
    if offer is None:
        raise NotFound
    return offer


async def lock_offer(session: AsyncSession, who: Principal, offer_id: UUID, *, made: bool) -> Offer:
    """Return an offer the caller made or received, locked, as it is now.

    Raises:
        NotFound: Unknown, or not the caller's.
    """
    mine = Offer.carrier_id if made else Offer.shipper_id
    offer = await session.scalar(
        select(Offer)
        .where(Offer.id == offer_id, mine == firm_of(who))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if offer is None:
        raise NotFound
    return offer


async def page_offers(
    session: AsyncSession, who: Principal, load_id: UUID | None, cursor: str | None, limit: int
) -> tuple[list[Offer], str | None]:
    """Return one page of the offers of which the caller is a party, oldest first, and the next cursor."""
    statement = select(Offer).where(is_party(who, Offer))
    if load_id is not None:
        statement = statement.where(Offer.load_id == load_id)
    return await page(session, statement, [Offer.id], cursor, limit)


def sees_in_full(who: Principal, offer: Offer) -> bool:
    """Tell whether the caller may know vehicle and carrier before the award."""
    return who.is_bureau or who.enterprise_id == offer.carrier_id
