"""Bad input gets a 4xx problem that names the field; nothing is written."""

from typing import Any

import asyncpg
import httpx
import pytest

from services.shared.ids import new_id
from tests.factories import matching as make

_WINDOW = {"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T02:00:00Z"}
_BAD_LOADS: list[tuple[str, Any]] = [
    ("weight_kg", 0),
    ("weight_kg", -1),
    ("weight_kg", "800"),
    ("weight_kg", True),
    ("weight_kg", 1e12),
    ("volume_m3", None),
    ("temperature_class", "hot"),
    ("cargo_type_code", "9999"),
    ("description", "a\x00b"),
    ("description", ""),
    ("description", "长" * 513),
    ("origin", {"lon": 181, "lat": 0, "address": "x"}),
    ("origin", {"lon": 1, "lat": 91, "address": "x"}),
    ("origin", {"lon": True, "lat": 0, "address": "x"}),
    ("origin", {"lon": 1, "lat": 1}),
    ("origin", {"lon": 1, "lat": 1, "address": "x", "phone": "1"}),
    ("origin", [1, 2]),
    ("pickup_window", {"from": "2030-01-01T00:00:00", "to": "2030-01-01T02:00:00Z"}),
    ("pickup_window", {"from": "2030-01-01T02:00:00Z", "to": "2030-01-01T00:00:00Z"}),
    ("pickup_window", {"from": "2020-01-01T02:00:00Z", "to": "2020-01-01T03:00:00Z"}),
    ("pickup_window", {"from": "2030-01-01T00:00:00Z", "to": "2031-01-01T00:00:00Z"}),
    ("pickup_window", {"from": "later", "to": "2031-01-01T00:00:00Z"}),
    ("delivery_window", {"from": "2020-01-01T00:00:00Z", "to": "2020-01-01T02:00:00Z"}),
    ("surprise", 1),
]


@pytest.mark.parametrize(("name", "value"), _BAD_LOADS)
async def test_a_bad_load_is_refused(
    api: httpx.AsyncClient,
    world: make.World,
    superuser: "asyncpg.Connection[asyncpg.Record]",
    name: str,
    value: Any,
) -> None:
    firm = await world.firm()
    body = {**make.load_body(make.apart()), name: value}
    answer = await api.post("/v1/loads", json=body, headers=firm.headers)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["errors"], problem
    if not name.endswith("_window"):
        assert any(name in error["field"] for error in problem["errors"])
    assert await superuser.fetchval("SELECT count(*) FROM matching.loads WHERE shipper_id = $1", firm.id) == 0


@pytest.mark.parametrize(
    "content",
    [
        b'{"origin":',
        b"[]",
        b"",
        b'{"weight_kg": NaN}',
        b'{"weight_kg": 1e999}',
        b'{"description": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
async def test_a_body_that_is_no_load_is_refused(
    api: httpx.AsyncClient, world: make.World, content: bytes
) -> None:
    firm = await world.firm()
    headers = {**firm.headers, "content-type": "application/json"}
    for path in ("/v1/loads", "/v1/offers", f"/v1/waybills/{new_id()}/events"):
        answer = await api.post(path, content=content, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "price", ["0.00", "-1.00", "1", "1.0", "1.000", "01.00", "1e3", "9999999999.00", " 1.00", "١.٠٠", 12.5]
)
async def test_a_price_is_a_text_with_two_decimals(
    api: httpx.AsyncClient, world: make.World, price: Any
) -> None:
    firm = await world.firm()
    body = {"load_id": str(new_id()), "vehicle_id": str(new_id()), "price_yuan": price}
    answer = await api.post("/v1/offers", json=body, headers=firm.headers)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body.price_yuan"]


@pytest.mark.parametrize(
    "query",
    [
        "/v1/candidates",
        "/v1/candidates?load_id=x",
        "/v1/loads?limit=0",
        "/v1/loads?limit=201",
        "/v1/loads?status=lost",
        "/v1/loads?cursor=%00",
        "/v1/loads?cursor=bm8",
        "/v1/loads/x",
        "/v1/waybills?status=x",
        "/v1/offers?load_id=1",
    ],
)
async def test_bad_queries(api: httpx.AsyncClient, world: make.World, query: str) -> None:
    firm = await world.firm()
    assert (await api.get(query, headers=firm.headers)).status_code == 422


async def test_a_bad_cursor_of_candidates(api: httpx.AsyncClient, world: make.World) -> None:
    load = await make.post_load(api, await world.firm(), make.apart())
    for cursor in ("x", "WzEsMl0", "bm8"):
        params = {"load_id": load["id"], "cursor": cursor}
        answer = await api.get("/v1/candidates", params=params, headers=make.bureau())
        assert answer.status_code == 422


async def test_events_out_of_order_and_time(api: httpx.AsyncClient, world: make.World) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    waybill = (await make.accept(api, shipper, await make.offer(api, carrier, load, vehicle))).json()
    path = f"/v1/waybills/{waybill['id']}/events"
    attempts = [
        (carrier, "departed", waybill["consigned_at"]),
        (carrier, "signed", waybill["consigned_at"]),
        (shipper, "loaded", waybill["consigned_at"]),
        (carrier, "loaded", "2020-01-01T00:00:00Z"),
        (carrier, "loaded", "2100-01-01T00:00:00Z"),
    ]
    for firm, kind, at in attempts:
        answer = await api.post(path, json={"kind": kind, "at": at}, headers=firm.headers)
        assert answer.status_code == 409, (kind, at)
        assert answer.json()["type"].endswith("event-out-of-order")
    for note in ("", "长" * 501, "a\x00b", 7):
        body = {"kind": "loaded", "at": waybill["consigned_at"], "note": note}
        assert (await api.post(path, json=body, headers=carrier.headers)).status_code == 422
    assert (await api.get(path, headers=carrier.headers)).json()["items"] == []
    assert (await api.get(f"/v1/waybills/{waybill['id']}", headers=carrier.headers)).json() == waybill
