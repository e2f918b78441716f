"""Suspension, bookings, rules: what changes while a load is open changes its candidates and offers."""

from datetime import timedelta
from uuid import UUID

import httpx

from services.shared.clock import utc_now
from services.shared.rules.schedule import CityClock
from services.shared.schemas import format_instant
from services.shared.standards.zones import CITY_ZONE
from tests.factories import matching as make


async def _codes(api: httpx.AsyncClient, load: make.Json, vehicle_id: UUID) -> list[str]:
    items = (await make.candidates(api, load, make.bureau(), limit=200))["items"]
    found = next(c for c in items if c["vehicle_id"] == str(vehicle_id))
    return [reason["code"] for reason in found["reasons"]]


async def test_suspension_refuses_and_reinstatement_restores(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    made = await make.offer(api, carrier, load, vehicle)
    await world.standing(carrier, "suspended")
    assert await _codes(api, load, vehicle.id) == ["enterprise_not_active"]
    assert (await make.candidates(api, load, shipper.headers))["items"] == []
    assert (await api.get(f"/v1/loads/{load['id']}", headers=carrier.headers)).status_code == 404
    assert (await api.get("/v1/offers", headers=carrier.headers)).json()["items"][0]["id"] == made["id"]
    refused = await make.accept(api, shipper, made)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "vehicle-not-feasible")
    assert "reasons" not in refused.json()
    await world.standing(carrier, "active")
    assert await _codes(api, load, vehicle.id) == []
    assert (await make.accept(api, shipper, made)).status_code == 201


async def test_a_suspended_shippers_loads_are_shown_to_nobody_else(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier = await world.firm(), await world.firm()
    load = await make.post_load(api, shipper, make.apart())
    await world.standing(shipper, "suspended")
    assert (await api.get(f"/v1/loads/{load['id']}", headers=carrier.headers)).status_code == 404
    assert (await api.get(f"/v1/loads/{load['id']}", headers=shipper.headers)).status_code == 200
    answer = await api.post("/v1/loads", json=make.load_body(make.apart()), headers=shipper.headers)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "enterprise-not-active")


async def test_each_cause_is_named_exactly(api: httpx.AsyncClient, world: make.World) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    load = await make.post_load(
        api, shipper, here, temperature_class="frozen", weight_kg=1000.0, volume_m3=9.0
    )
    cold = {"refrigeration": "refrigerated"}
    good = await world.vehicle(carrier, here, **cold)
    assert await _codes(api, load, good.id) == []
    unlocated = await world.vehicle(carrier, None, **cold)
    assert await _codes(api, load, unlocated.id) == ["no_position"]
    far = await world.vehicle(carrier, (here[0] + 2, here[1]), **cold)
    assert await _codes(api, load, far.id) == ["distance"]
    stale = await world.vehicle(carrier, None, **cold)
    world.telemetry.report(stale.id, *here, utc_now() - timedelta(hours=1))
    await world.settle()
    assert await _codes(api, load, stale.id) == ["position_stale"]
    weak = await world.vehicle(carrier, here, payload_kg=999, volume_m3=8.9, **cold)
    assert await _codes(api, load, weak.id) == ["capacity_weight", "capacity_volume"]
    warm = await world.vehicle(carrier, here, refrigeration="insulated")
    assert await _codes(api, load, warm.id) == ["refrigeration"]
    ending = await world.vehicle(carrier, here, valid_to=utc_now() + timedelta(hours=1), **cold)
    assert await _codes(api, load, ending.id) == ["vehicle_not_valid"]


async def test_a_rule_refuses_and_the_named_permit_mends(api: httpx.AsyncClient, world: make.World) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    there = (here[0] + 0.2, here[1])
    load = await make.post_load(api, shipper, here, to=there)
    area = await world.area(there)
    rule = await world.rule(area, "permit_required", permit_types=["day"])
    items = (await make.candidates(api, load, carrier.headers))["items"]
    reason = items[0]["reasons"][0]
    assert (reason["code"], reason["detail"]["place"]) == ("permit", "destination")
    assert reason["detail"]["rules"] == [{"id": str(rule.id), "code": rule.code}]
    assert reason["detail"]["permit_types"] == ["day"]
    body = {"load_id": load["id"], "vehicle_id": str(vehicle.id), "price_yuan": "1.00"}
    refused = await api.post("/v1/offers", json=body, headers=carrier.headers)
    assert refused.status_code == 409
    assert [r["code"] for r in refused.json()["reasons"]] == ["permit"]
    permit = await world.permit(vehicle, [UUID(a) for a in reason["detail"]["area_ids"]])
    assert await _codes(api, load, vehicle.id) == []
    revoked = permit.model_copy(update={"status": "revoked"})
    await world.say("permits", "permit", revoked)
    await world.settle()
    assert await _codes(api, load, vehicle.id) == ["permit"]
    await world.say("permits", "restriction_rule", rule.model_copy(update={"valid_to": utc_now()}))
    await world.settle()
    assert await _codes(api, load, vehicle.id) == []


async def test_a_ban_that_ends_in_the_window_is_waited_for(api: httpx.AsyncClient, world: make.World) -> None:
    """Banned now and for the next hour by the wall clock; the pickup window is longer, or is not."""
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    area = await world.area(here, half=0.001)
    now = utc_now()
    minute = CityClock(CITY_ZONE).read(now).minute
    clock = [f"{m // 60:02d}:{m % 60:02d}" for m in ((minute - 10) % 1440, (minute + 60) % 1440)]
    await world.rule(area, "ban", windows=[{"start": clock[0], "end": clock[1]}])
    long = await make.post_load(api, shipper, here)
    assert await _codes(api, long, vehicle.id) == []
    short = await make.post_load(
        api, shipper, here, pickup_window=make.window(0, 0.5, now), delivery_window=make.window(0, 3, now)
    )
    assert await _codes(api, short, vehicle.id) == ["rule"]
    await world.permit(vehicle, [area.id], lifts="ban")
    assert await _codes(api, short, vehicle.id) == []


async def test_a_booked_vehicle_is_refused_until_its_waybill_ends(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    first, second = [await make.post_load(api, shipper, here) for _ in range(2)]
    later = await make.post_load(
        api, shipper, here, pickup_window=make.window(5, 6), delivery_window=make.window(5, 7)
    )
    made = await make.offer(api, carrier, first, vehicle)
    waybill = (await make.accept(api, shipper, made)).json()
    assert await _codes(api, second, vehicle.id) == ["booked"]
    assert await _codes(api, later, vehicle.id) == []
    cancelled = {"kind": "cancelled", "at": format_instant(utc_now()), "note": "爆胎"}
    path = f"/v1/waybills/{waybill['id']}/events"
    assert (await api.post(path, json=cancelled, headers=carrier.headers)).status_code == 201
    assert await _codes(api, second, vehicle.id) == []
    load = (await api.get(f"/v1/loads/{first['id']}", headers=shipper.headers)).json()
    assert load["status"] == "cancelled"
