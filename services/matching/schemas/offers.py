"""Offers over HTTP. Before an award a shipper sees price, class, score and distance band only."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.matching.models import Offer
from services.matching.schemas.candidates import VehicleClassOut
from services.shared.schemas import Instant, Out, Strict

OfferStatus = Literal["open", "accepted", "rejected", "withdrawn", "lost", "lapsed"]

BodyId = Annotated[UUID, Field(strict=False)]
"""A UUID in a JSON body, which has no type of its own for it."""

Price = Annotated[
    str,
    Field(
        pattern=r"^([1-9][0-9]{0,8}\.[0-9]{2}|0\.(0[1-9]|[1-9][0-9]))$",
        description="Yuan with two decimals, as text; more than zero.",
        examples=["320.00"],
    ),
]


class OfferCreate(Strict):
    """A carrier's price for a load with one of its vehicles."""

    load_id: BodyId = Field(description="An open load.")
    vehicle_id: BodyId = Field(description="A vehicle of the caller's own.")
    price_yuan: Price

    @property
    def price(self) -> Decimal:
        """The price as a number."""
        return Decimal(self.price_yuan)


class OfferOut(Out):
    """An offer as its reader may see it."""

    id: UUID
    load_id: UUID
    status: OfferStatus
    price_yuan: str
    vehicle_class: VehicleClassOut
    score: float = Field(description="When it was made, 0 to 100.")
    distance_band: str = Field(description="When it was made.")
    vehicle_id: UUID | None = Field(description="Null for the shipper before the award.")
    carrier_id: UUID | None = Field(description="Null for the shipper before the award.")
    created_at: Instant
    decided_at: Instant | None


def show_offer(offer: Offer, *, full: bool) -> OfferOut:
    """Return an offer; `full` for its carrier and the bureaus, and for all once accepted."""
    named = full or offer.status == "accepted"
    return OfferOut(
        id=offer.id,
        load_id=offer.load_id,
        status=offer.status,
        price_yuan=f"{offer.price_yuan:.2f}",
        vehicle_class=VehicleClassOut(
            size=offer.vehicle_size,
            refrigeration=offer.vehicle_refrigeration,
            energy=offer.vehicle_energy,
        ),
        score=offer.score,
        distance_band=offer.distance_band,
        vehicle_id=offer.vehicle_id if named else None,
        carrier_id=offer.carrier_id if named else None,
        created_at=offer.created_at,
        decided_at=offer.decided_at,
    )
