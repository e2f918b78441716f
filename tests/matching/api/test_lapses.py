"""Licences and papers that run out within the hours of a load refuse its vehicles, ahead and on the clock."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import httpx

from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from tests.factories import matching as make

_HOUR = timedelta(hours=1)


def _whole_ms(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


async def _reasons(
    api: httpx.AsyncClient, load: make.Json, vehicle_id: UUID
) -> tuple[str, list[tuple[str, list[str]]]]:
    """When it was asked, and each reason with its causes."""
    page = await make.candidates(api, load, make.bureau(), vehicle_id=str(vehicle_id))
    reasons = page["items"][0]["reasons"]
    return page["at"], [(reason["code"], reason["detail"].get("causes", [])) for reason in reasons]


async def test_a_lapse_in_the_hours_of_the_load_refuses_and_renewal_restores(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    made = await make.offer(api, carrier, load, vehicle)
    now = _whole_ms(utc_now())
    await world.papers(vehicle, (now + 5 * _HOUR, ("inspection",)))
    assert (await _reasons(api, load, vehicle.id))[1] == [], "it lapses when the load is delivered"
    await world.papers(vehicle, (now + 3 * _HOUR, ("inspection",)), (now + 3.5 * _HOUR, ("insurance",)))
    expected = [("vehicle_lapsed", ["inspection", "insurance"])]
    assert (await _reasons(api, load, vehicle.id))[1] == expected
    seen = (await make.candidates(api, load, carrier.headers, vehicle_id=str(vehicle.id)))["items"][0]
    assert seen["reasons"][0]["detail"]["since"] == format_instant(now + 3 * _HOUR)
    assert "机动车检验合格、机动车保险" in seen["reasons"][0]["message"]
    assert (await make.candidates(api, load, shipper.headers))["items"] == []
    refused = await make.accept(api, shipper, made)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "vehicle-not-feasible")
    assert "reasons" not in refused.json(), "why, is its owner's to know"
    body = {"load_id": load["id"], "vehicle_id": str(vehicle.id), "price_yuan": "1.00"}
    again = await api.post("/v1/offers", json=body, headers=carrier.headers)
    assert (again.status_code, [r["code"] for r in again.json()["reasons"]]) == (409, ["vehicle_lapsed"])
    await world.papers(vehicle)
    assert (await make.accept(api, shipper, made)).status_code == 201


async def test_a_licence_that_runs_out_ahead_refuses_every_vehicle_of_the_firm(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicles = [await world.vehicle(carrier, here) for _ in range(2)]
    load = await make.post_load(api, shipper, here)
    now = _whole_ms(utc_now())
    await world.course(carrier, (now + _HOUR, ("express_permit",)))
    late = await world.vehicle(carrier, here)
    for vehicle in (*vehicles, late):
        assert (await _reasons(api, load, vehicle.id))[1] == [("enterprise_lapsed", ["express_permit"])]
    later = await make.post_load(
        api, shipper, here, pickup_window=make.window(5, 6), delivery_window=make.window(5, 7)
    )
    await world.course(carrier, (now + _HOUR, ("express_permit",)), (now + 2 * _HOUR, ()))
    assert (await _reasons(api, later, late.id))[1] == [], "renewed by then"
    assert (await _reasons(api, load, late.id))[1] == [("enterprise_lapsed", ["express_permit"])]
    await world.standing(carrier, "suspended")
    assert (await _reasons(api, later, late.id))[1] == [("enterprise_not_active", [])]


async def test_a_renewal_takes_effect_on_the_clock_without_any_message(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    now = _whole_ms(utc_now())
    due = now + timedelta(milliseconds=800)
    await world.papers(vehicle, (now - _HOUR, ("insurance",)), (due, ()))
    seen: dict[str, bool] = {}
    while not seen or max(seen) < format_instant(due + timedelta(milliseconds=200)):
        at, reasons = await _reasons(api, load, vehicle.id)
        seen[at] = reasons == []
        await asyncio.sleep(0.02)
    assert set(seen.values()) == {True, False}
    assert all(feasible is (at >= format_instant(due)) for at, feasible in seen.items()), (due, seen)
