"""Waybills and their events over HTTP; field meanings in `domain.md` §2.1.2."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.matching.models import Load, Waybill
from services.matching.schemas.loads import LoadOut, show_load
from services.shared.schemas import Instant, Out, Strict, Text
from services.shared.standards.cargo import URBAN_DELIVERY

ROAD = "1"
"""Transport type code of road transport, `domain.md` §3.7."""

WaybillStatusText = Literal["consigned", "loaded", "departed", "arrived", "signed", "cancelled"]
EventKindText = Literal["loaded", "departed", "arrived", "signed", "cancelled"]


class WaybillOut(Out):
    """An electronic waybill: one load, one vehicle, one segment."""

    id: UUID
    number: str = Field(description="Shipping note number, 20 digits.")
    serial_number: str = Field(default="0000", description="One vehicle, one segment.")
    load: LoadOut
    offer_id: UUID
    shipper_id: UUID
    carrier_id: UUID
    vehicle_id: UUID
    plate_number: str
    plate_color: int
    transport_type_code: str = Field(default=ROAD, description="Road.")
    business_type_code: str = Field(default=URBAN_DELIVERY, description="Urban delivery.")
    price_yuan: str
    status: WaybillStatusText
    consigned_at: Instant
    loaded_at: Instant | None
    departed_at: Instant | None
    arrived_at: Instant | None
    signed_at: Instant | None
    cancelled_at: Instant | None
    version: int


class WaybillEventCreate(Strict):
    """What happened to a waybill."""

    kind: EventKindText = Field(description="consigned → loaded → departed → arrived → signed.")
    at: Instant = Field(description="When it happened; not before the event before it, not in the future.")
    note: Annotated[Text, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Why, or anything worth saying."
    )


class WaybillEventOut(Out):
    """A reported event."""

    id: UUID
    waybill_id: UUID
    kind: EventKindText
    at: Instant
    party: Literal["shipper", "carrier"]
    note: str | None
    recorded_at: Instant


def show_waybill(waybill: Waybill, load: Load) -> WaybillOut:
    """Return a waybill with its load, which its parties see in full."""
    return WaybillOut(
        id=waybill.id,
        number=waybill.number,
        load=show_load(load, full=True),
        offer_id=waybill.offer_id,
        shipper_id=waybill.shipper_id,
        carrier_id=waybill.carrier_id,
        vehicle_id=waybill.vehicle_id,
        plate_number=waybill.plate_number,
        plate_color=waybill.plate_color,
        price_yuan=f"{waybill.price_yuan:.2f}",
        status=waybill.status,
        consigned_at=waybill.consigned_at,
        loaded_at=waybill.loaded_at,
        departed_at=waybill.departed_at,
        arrived_at=waybill.arrived_at,
        signed_at=waybill.signed_at,
        cancelled_at=waybill.cancelled_at,
        version=waybill.version,
    )
