"""Who sees what: loads, candidates and offers in the view each party may have."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.matching.domain.distances import coarse
from services.shared.auth import Principal, Role
from services.shared.db import Database, DbScope
from services.shared.ids import new_id
from tests.factories import matching as make


async def test_a_carrier_sees_an_open_load_without_place_owner_and_text(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    load = await make.post_load(api, shipper, (here[0] + 0.00412, here[1] + 0.00777))
    seen = (await api.get(f"/v1/loads/{load['id']}", headers=carrier.headers)).json()
    assert seen["view"] == "reduced"
    assert seen["origin"] == {
        "lon": coarse(here[0] + 0.00412),
        "lat": coarse(here[1] + 0.00777),
        "address": None,
        "precision": "rounded",
    }
    assert (seen["shipper_id"], seen["description"]) == (None, None)
    assert str(shipper.id) not in json.dumps(seen)
    full = (await api.get(f"/v1/loads/{load['id']}", headers=make.bureau())).json()
    assert full == load
    listed = (await api.get("/v1/loads?status=open&limit=200", headers=carrier.headers)).json()["items"]
    assert seen in listed
    own = (await api.get("/v1/loads?own=true", headers=carrier.headers)).json()["items"]
    assert own == []


async def test_candidates_in_the_view_of_each_party(api: httpx.AsyncClient, world: make.World) -> None:
    shipper, one, other, here = await world.firm(), await world.firm(), await world.firm(), make.apart()
    good = await world.vehicle(one, (here[0], here[1] + 0.015))
    small = await world.vehicle(one, here, payload_kg=300)
    foreign = await world.vehicle(
        other, here, refrigeration="refrigerated", powertrain="ICE", energy_code="B"
    )
    load = await make.post_load(api, shipper, here)

    shown = (await make.candidates(api, load, shipper.headers))["items"]
    assert len(shown) == 2
    secret = {"distance_km", "vehicle_id", "enterprise_id", "plate_number", "plate_color", "reasons"}
    assert all(candidate[name] is None for candidate in shown for name in secret)
    assert [c["vehicle_class"]["energy"] for c in shown] == ["new_energy", "conventional"]
    assert [c["distance_band"] for c in shown] == ["1-2 km", "0-1 km"]
    text = json.dumps(shown)
    assert not any(str(v.id) in text or v.plate_number in text for v in (good, small, foreign))

    mine = (await make.candidates(api, load, one.headers))["items"]
    assert [(c["vehicle_id"], c["verdict"]) for c in mine] == [
        (str(good.id), "feasible"),
        (str(small.id), "refused"),
    ]
    assert [r["code"] for r in mine[1]["reasons"]] == ["capacity_weight"]
    assert mine[1]["reasons"][0]["detail"] == {"payload_kg": 300, "weight_kg": 800}
    assert [c["vehicle_id"] for c in (await make.candidates(api, load, other.headers))["items"]] == [
        str(foreign.id)
    ]

    seen = await _all_candidates(api, load, make.bureau())
    assert {str(v.id) for v in (good, small, foreign)} <= {c["vehicle_id"] for c in seen}
    verdicts = [c["verdict"] for c in seen]
    assert verdicts == sorted(verdicts)


async def test_a_named_vehicle_is_shown_to_who_may_see_which_it_is(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    named, own = await world.vehicle(carrier, here), await world.vehicle(shipper, here, payload_kg=1)
    await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)

    async def found(headers: make.Headers, vehicle_id: UUID) -> list[str]:
        page = await make.candidates(api, load, headers, vehicle_id=str(vehicle_id))
        assert page["next_cursor"] is None
        return [item["vehicle_id"] for item in page["items"]]

    for headers in (make.bureau(), carrier.headers):
        assert await found(headers, named.id) == [str(named.id)]
        assert await found(headers, UUID(int=7)) == []
    assert await found(make.bureau(), own.id) == [str(own.id)]
    assert await found(carrier.headers, own.id) == [], "another's"
    assert await found(shipper.headers, named.id) == [], "a shipper does not learn which vehicle it would be"
    assert await found(shipper.headers, own.id) == [str(own.id)]
    page = await make.candidates(api, load, carrier.headers, vehicle_id=str(named.id), verdict="refused")
    assert page["items"] == []
    wrong = await api.get(
        "/v1/candidates", params={"load_id": load["id"], "vehicle_id": "x"}, headers=make.bureau()
    )
    assert wrong.status_code == 422


async def _all_candidates(api: httpx.AsyncClient, load: make.Json, headers: make.Headers) -> list[Any]:
    """Every page, two at a time; nothing twice."""
    items: list[Any] = []
    cursor = None
    while True:
        page = await make.candidates(api, load, headers, limit=2, **({"cursor": cursor} if cursor else {}))
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            assert len({c["vehicle_id"] for c in items}) == len(items)
            return items


async def test_an_owner_with_a_fleet_sees_why_its_own_are_refused(
    api: httpx.AsyncClient, world: make.World
) -> None:
    firm, here = await world.firm(), make.apart()
    own = await world.vehicle(firm, None)
    load = await make.post_load(api, firm, here)
    items = (await make.candidates(api, load, firm.headers))["items"]
    assert [(c["vehicle_id"], [r["code"] for r in c["reasons"]]) for c in items] == [
        (str(own.id), ["no_position"])
    ]


async def test_before_the_award_the_shipper_sees_no_vehicle_and_no_carrier(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    made = await make.offer(api, carrier, load, vehicle)
    assert made["vehicle_id"] == str(vehicle.id)
    seen = (await api.get(f"/v1/offers?load_id={load['id']}", headers=shipper.headers)).json()["items"][0]
    assert (seen["vehicle_id"], seen["carrier_id"], seen["price_yuan"]) == (None, None, "320.00")
    assert (await make.accept(api, shipper, made)).status_code == 201
    awarded = (await api.get(f"/v1/offers/{made['id']}", headers=shipper.headers)).json()
    assert awarded["vehicle_id"] == str(vehicle.id)
    full = (await api.get(f"/v1/loads/{load['id']}", headers=carrier.headers)).json()
    assert full["view"] == "full"


async def _traces(api: httpx.AsyncClient, world: make.World) -> list[tuple[str, str, Any]]:
    """A firm's withdrawn load, and offer, load and waybill of an award: method, path, body."""
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    gone = await make.post_load(api, shipper, here)
    assert (await api.post(f"/v1/loads/{gone['id']}/withdrawal", headers=shipper.headers)).status_code == 200
    load = await make.post_load(api, shipper, here)
    made = await make.offer(api, carrier, load, vehicle)
    waybill = (await make.accept(api, shipper, made)).json()
    event = {"kind": "loaded", "at": "2026-01-01T00:00:00Z"}
    found: list[tuple[str, str, Any]] = [
        ("GET", f"/v1/loads/{gone['id']}", None),
        ("GET", f"/v1/loads/{load['id']}", None),
        ("POST", f"/v1/loads/{load['id']}/withdrawal", None),
        ("GET", f"/v1/candidates?load_id={load['id']}", None),
        ("GET", f"/v1/offers/{made['id']}", None),
        ("POST", f"/v1/offers/{made['id']}/acceptance", None),
        ("POST", f"/v1/offers/{made['id']}/rejection", None),
        ("POST", f"/v1/offers/{made['id']}/withdrawal", None),
        ("GET", f"/v1/waybills/{waybill['id']}", None),
        ("GET", f"/v1/waybills/{waybill['id']}/events", None),
        ("POST", f"/v1/waybills/{waybill['id']}/events", event),
    ]
    return found


async def test_foreign_is_byte_equal_to_missing(api: httpx.AsyncClient, world: make.World) -> None:
    stranger = await world.firm()
    for method, path, body in await _traces(api, world):
        known = next(part for part in path.replace("=", "/").split("/") if len(part) == 36)
        answers = []
        for candidate in (known, str(new_id())):
            answer = await api.request(
                method, path.replace(known, candidate), json=body, headers=stranger.headers
            )
            text = answer.text.replace(candidate, "ID").replace(answer.json()["request_id"], "R")
            answers.append((answer.status_code, text))
        assert answers[0][0] == 404, path
        assert answers[0] == answers[1], path


async def test_an_offer_with_a_foreign_vehicle_is_not_found(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, other, here = await world.firm(), await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    texts = []
    for vehicle_id in (vehicle.id, new_id()):
        body = {"load_id": load["id"], "vehicle_id": str(vehicle_id), "price_yuan": "10.00"}
        answer = await api.post("/v1/offers", json=body, headers=other.headers)
        assert answer.status_code == 404
        texts.append(answer.text.replace(answer.json()["request_id"], "R"))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    "table", ["loads", "offers", "waybills", "waybill_events", "assignments", "vehicles", "permits"]
)
async def test_row_level_security_alone_hides_what_is_foreign(
    api: httpx.AsyncClient, world: make.World, database_urls: dict[str, str], table: str
) -> None:
    await _traces(api, world)
    stranger = await world.firm()
    database = Database(database_urls["matching_api"])
    columns = {"waybill_events": "waybill_id", "vehicles": "enterprise_id", "permits": "enterprise_id"}
    column = columns.get(table, "shipper_id")
    for scope in (DbScope("enterprise", str(stranger.id), "x"), DbScope(), DbScope("police", "", "x")):
        async with database.acquire(scope, readonly=True) as connection:
            where = " WHERE status <> 'open'" if table == "loads" and scope.enterprise_id else ""
            rows = await connection.fetch(f"SELECT {column} FROM matching.{table}{where}")  # noqa: S608 - parameters of this test
        assert rows == [], (table, scope)
    async with database.acquire(DbScope("service", "", "svc:matching"), readonly=True) as connection:
        seen = await connection.fetchval(f"SELECT count(*) FROM matching.{table}")  # noqa: S608 - the same
    assert seen > 0 or table in {"permits", "waybill_events"}
    await database.close()


async def test_no_token_and_wrong_roles(api: httpx.AsyncClient, world: make.World) -> None:
    assert (await api.get("/v1/loads")).status_code == 401
    body = make.load_body(make.apart())
    assert (await api.post("/v1/loads", json=body, headers=make.bureau())).status_code == 403
    police = make.bureau(Role.police)
    assert (await api.get("/v1/loads", headers=police)).status_code == 403
    assert (await api.get("/internal/v1/changes", headers=make.bureau())).status_code == 403
    firmless = make.bearer(Principal("x", Role.enterprise, client_id="x"))
    load = await make.post_load(api, await world.firm(), make.apart())
    assert (await api.get(f"/v1/loads/{load['id']}", headers=firmless)).status_code == 404
    assert (await api.get("/v1/loads", headers=firmless)).json()["items"] == []
    unknown = make.firm_headers(UUID(int=5))
    assert (await api.post("/v1/loads", json=body, headers=unknown)).status_code == 403
