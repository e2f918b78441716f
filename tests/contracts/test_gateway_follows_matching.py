"""Gateway follows matching: loads and waybills of firms that are no demo."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.factories import gateway as make
from tests.support.exchange import followed

pytestmark = pytest.mark.usefixtures("clean_database")

DAY = "2026-05-01T{:02d}:00:00.000Z"


def load(shipper: str, carrier: str | None = None) -> dict[str, Any]:
    places = {"origin": {"lon": 122.07, "lat": 41.12}, "destination": {"lon": 122.1, "lat": 41.2}}
    goods = {"weight_kg": 800, "volume_m3": 3.5, "temperature_class": "ambient", "cargo_type_code": "0600"}
    windows = {
        "pickup_window": {"start": DAY.format(1), "end": DAY.format(3)},
        "delivery_window": {"start": DAY.format(3), "end": DAY.format(6)},
    }
    state = {"id": str(uuid4()), "shipper_id": shipper, "carrier_id": carrier, "status": "open"}
    return {**state, **places, **goods, **windows, "created_at": DAY.format(0), "is_demo": False}


def waybill(of: dict[str, Any], carrier: str, vehicle: str) -> dict[str, Any]:
    kept = {
        name: of[name] for name in ("origin", "destination", "weight_kg", "volume_m3", "temperature_class")
    }
    codes = {"transport_type_code": "1", "business_type_code": "1003999", "cargo_type_code": "0600"}
    parties = {
        "load_id": of["id"],
        "shipper_id": of["shipper_id"],
        "carrier_id": carrier,
        "vehicle_id": vehicle,
    }
    rest = {"number": "W1", "status": "consigned", "price_yuan": "120.50", "direct_km": 9.2}
    return {"id": str(uuid4()), **kept, **codes, **parties, **rest, "consigned_at": DAY.format(1)}


async def test_a_demo_party_keeps_a_waybill_inside(database_urls: dict[str, str], tmp_path: Path) -> None:
    shipper, carrier, demo = make.enterprise(), make.enterprise(), make.enterprise(is_demo=True)
    van, toy = make.vehicle(carrier["id"]), make.vehicle(demo["id"])
    async with (
        followed("matching", database_urls, tmp_path) as matching,
        followed("registry", database_urls, tmp_path) as registry,
        make.running(make.app(database_urls, tmp_path)) as api,
    ):
        for firm in (shipper, carrier, demo):
            await registry.record("enterprise", firm)
        for each in (van, toy):
            await registry.record("vehicle", each)
        goods, other = load(shipper["id"]), load(shipper["id"])
        real, play = waybill(goods, carrier["id"], van["id"]), waybill(other, demo["id"], toy["id"])
        for each in (goods, other):
            await matching.record("load", {**each, "contact_phone": "13800000000"})
        for each in (real, play):
            await matching.record("waybill", each)
        await matching.follow()
        await registry.follow()
        loads = make.rebuilt(await make.read_all(api, "loads", make.bearer()))
        assert set(loads) == {goods["id"], other["id"]}
        assert "13800000000" not in str(loads)
        waybills = make.rebuilt(await make.read_all(api, "waybills", make.bearer()))
        assert set(waybills) == {real["id"]}
        assert waybills[real["id"]]["price_yuan"] == "120.50"
        await matching.record("load", {**other, "carrier_id": demo["id"], "status": "awarded"})
        await matching.follow()
        assert set(make.rebuilt(await make.read_all(api, "loads", make.bearer()))) == {goods["id"]}
