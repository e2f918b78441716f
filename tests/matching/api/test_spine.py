"""The main way: a load is posted, matched, offered, accepted, carried and signed."""

from datetime import timedelta

import asyncpg
import httpx

from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from tests.factories import matching as make


async def test_a_load_is_carried_from_post_to_signature(
    api: httpx.AsyncClient, world: make.World, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shipper, carrier = await world.firm(kind="shipper"), await world.firm()
    here = make.apart()
    vehicle = await world.vehicle(carrier, (here[0] + 0.01, here[1]))
    load = await make.post_load(api, shipper, here)
    assert load["status"] == "open"
    assert load["view"] == "full"

    found = await make.candidates(api, load, shipper.headers)
    assert [c["verdict"] for c in found["items"]] == ["feasible"]

    made = await make.offer(api, carrier, load, vehicle, "320.50")
    answer = await make.accept(api, shipper, made)
    assert answer.status_code == 201, answer.text
    waybill = answer.json()
    assert waybill["price_yuan"] == "320.50"
    assert waybill["vehicle_id"] == str(vehicle.id)
    assert len(waybill["number"]) == 20
    assert waybill["load"]["origin"]["address"] == "兴隆台区石油大街 1 号"

    await _report(api, carrier, waybill, "loaded", "departed", "arrived")
    await _report(api, shipper, waybill, "signed")
    done = (await api.get(f"/v1/waybills/{waybill['id']}", headers=carrier.headers)).json()
    assert done["status"] == "signed"
    assert done["load"]["status"] == "completed"
    events = (await api.get(f"/v1/waybills/{waybill['id']}/events", headers=shipper.headers)).json()
    assert [e["kind"] for e in events["items"]] == ["loaded", "departed", "arrived", "signed"]
    rows = await superuser.fetch(
        "SELECT kind, version FROM matching.outbox WHERE id = ANY($1) ORDER BY seq",
        [load["id"], waybill["id"]],
    )
    assert [r["version"] for r in rows if r["kind"] == "load"] == [1, 2, 3]
    assert [r["version"] for r in rows if r["kind"] == "waybill"] == [1, 2, 3, 4, 5]


async def _report(api: httpx.AsyncClient, firm: make.Firm, waybill: make.Json, *kinds: str) -> None:
    for kind in kinds:
        body = {"kind": kind, "at": format_instant(utc_now() + timedelta(milliseconds=1))}
        answer = await api.post(f"/v1/waybills/{waybill['id']}/events", json=body, headers=firm.headers)
        assert answer.status_code == 201, answer.text
