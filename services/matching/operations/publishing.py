"""The last step of every change: version + 1, the row written, its new state in the feed."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import FEED, Load, Waybill
from services.matching.schemas.waybills import ROAD
from services.shared.events.matching import LoadState, PlaceState, WaybillState, WindowState
from services.shared.geo import distance_m
from services.shared.standards.cargo import URBAN_DELIVERY

_PLACE_DECIMALS: Final = 3
"""About 100 m: what followers need to count tonne-kilometres, not where somebody lives."""


async def _write_next(row: Load | Waybill, session: AsyncSession) -> None:
    row.version += 1
    session.add(row)
    await session.flush()


async def publish_load(session: AsyncSession, load: Load) -> None:
    """Write a new or locked load and its state."""
    await _write_next(load, session)
    state = LoadState(
        id=load.id,
        shipper_id=load.shipper_id,
        carrier_id=load.carrier_id,
        status=load.status,
        origin=_place(load.origin_lon, load.origin_lat),
        destination=_place(load.destination_lon, load.destination_lat),
        weight_kg=load.weight_kg,
        volume_m3=load.volume_m3,
        temperature_class=load.temperature_class,
        cargo_type_code=load.cargo_type_code,
        pickup_window=WindowState(start=load.pickup_from, end=load.pickup_to),
        delivery_window=WindowState(start=load.delivery_from, end=load.delivery_to),
        created_at=load.created_at,
        is_demo=load.is_demo,
    )
    await FEED.record(session, kind="load", entity_id=load.id, version=load.version, state=state)


async def publish_waybill(session: AsyncSession, waybill: Waybill, load: Load) -> None:
    """Write a new or locked waybill and its state."""
    await _write_next(waybill, session)
    origin, destination = (load.origin_lon, load.origin_lat), (load.destination_lon, load.destination_lat)
    state = WaybillState(
        id=waybill.id,
        number=waybill.number,
        load_id=load.id,
        shipper_id=waybill.shipper_id,
        carrier_id=waybill.carrier_id,
        vehicle_id=waybill.vehicle_id,
        status=waybill.status,
        transport_type_code=ROAD,
        business_type_code=URBAN_DELIVERY,
        cargo_type_code=load.cargo_type_code,
        temperature_class=load.temperature_class,
        weight_kg=load.weight_kg,
        volume_m3=load.volume_m3,
        price_yuan=f"{waybill.price_yuan:.2f}",
        origin=_place(*origin),
        destination=_place(*destination),
        direct_km=round(distance_m(*origin, *destination) / 1000, 1),
        consigned_at=waybill.consigned_at,
        loaded_at=waybill.loaded_at,
        departed_at=waybill.departed_at,
        arrived_at=waybill.arrived_at,
        signed_at=waybill.signed_at,
        cancelled_at=waybill.cancelled_at,
        is_demo=waybill.is_demo,
    )
    await FEED.record(session, kind="waybill", entity_id=waybill.id, version=waybill.version, state=state)


def _place(lon: float, lat: float) -> PlaceState:
    return PlaceState(lon=round(lon, _PLACE_DECIMALS), lat=round(lat, _PLACE_DECIMALS))
