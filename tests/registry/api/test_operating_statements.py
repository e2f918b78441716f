"""Operating statements: submitted, superseded, flagged, decided."""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.shared.auth import Role
from services.shared.clock import utc_now
from tests.factories import registry as make
from tests.factories import supervision as given

PATH = "/v1/operating-statements"


@pytest.fixture
async def other(api: httpx.AsyncClient) -> make.Firm:
    """A second firm."""
    return await make.admit_firm(api)


@pytest.fixture(autouse=True)
def _september(
    app: FastAPI,
    firm: make.Firm,  # noqa: ARG001 - signs in while the clock is right
    other: make.Firm,  # noqa: ARG001 - the same
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let it be the third of September 2025, ten in the morning in Shanghai."""
    monkeypatch.setitem(app.state._state, "clock", lambda: given.AFTER)


@pytest.fixture
async def vans(api: httpx.AsyncClient, firm: make.Firm) -> make.Firm:
    """A firm with two electric vans, registered since the beginning of 2026."""
    for _ in range(2):
        await make.register(api, firm, valid_from="2025-01-01T00:00:00Z")
    return firm


async def _listed(api: httpx.AsyncClient, firm: make.Firm, **query: Any) -> list[make.Json]:
    answer = await api.get(PATH, params=query, headers=firm.headers)
    assert answer.status_code == 200, answer.text
    found: list[make.Json] = answer.json()["items"]
    return found


async def test_a_month_is_kept_to_the_cent(api: httpx.AsyncClient, vans: make.Firm) -> None:
    costs = {"fuel": "0.1", "tolls": "0.2", "other": "999999999.99", "parking": "0"}
    made = await given.submit(api, vans, costs_yuan=costs, notes="含外协 <b>两车</b>")
    assert {name: text for name, text in made["costs_yuan"].items() if text is not None} == {
        "fuel": "0.10",
        "tolls": "0.20",
        "other": "999999999.99",
        "parking": "0.00",
    }
    assert made["total_cost_yuan"] == "1000000000.29"
    assert (made["month"], made["revision"], made["supersedes"], made["status"], made["late"]) == (
        given.MONTH,
        1,
        None,
        "submitted",
        False,
    )
    read = await api.get(f"{PATH}/{made['id']}", headers=vans.headers)
    assert (read.json(), read.headers["etag"]) == (made, '"1"')
    assert read.json()["notes"] == "含外协 <b>两车</b>"
    assert read.headers["content-type"] == "application/json"


async def test_a_correction_supersedes_and_the_history_is_readable(
    api: httpx.AsyncClient, vans: make.Firm
) -> None:
    first = await given.submit(api, vans)
    other_month = await given.submit(api, vans, "2025-07")
    second = await given.submit(api, vans, vehicle_km=5100.0)
    assert (second["revision"], second["supersedes"]) == (2, first["id"])
    assert [row["id"] for row in await _listed(api, vans)] == [other_month["id"], second["id"]]
    history = await _listed(api, vans, month=given.MONTH, superseded="true")
    assert [(row["revision"], row["status"], row["vehicle_km"]) for row in history] == [
        (1, "superseded", 5000.0),
        (2, "submitted", 5100.0),
    ]
    assert history[0]["superseded_at"] == second["created_at"]
    unchanged = ("costs_yuan", "energy", "vehicle_km", "tonne_km", "flags", "created_at", "late")
    assert {name: history[0][name] for name in unchanged} == {name: first[name] for name in unchanged}
    assert [row["id"] for row in await _listed(api, vans, status="superseded")] == [first["id"]]


async def test_submissions_that_race_are_all_kept_and_one_is_current(
    api: httpx.AsyncClient, vans: make.Firm, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await asyncio.gather(
        *(given.submit(api, vans, vehicle_km=float(5000 + n)) for n in range(12)),
    )
    rows = await superuser.fetch(
        "SELECT id::text, revision, supersedes::text, superseded_at, vehicle_km FROM"
        " registry.operating_statements WHERE enterprise_id = $1 ORDER BY revision",
        vans.id,
    )
    assert [row["revision"] for row in rows] == list(range(1, 13))
    assert [row["supersedes"] for row in rows] == [None, *(row["id"] for row in rows[:-1])]
    assert [row["superseded_at"] is None for row in rows] == [False] * 11 + [True]
    assert {row["id"]: row["vehicle_km"] for row in rows} == {each["id"]: each["vehicle_km"] for each in made}
    current = await _listed(api, vans)
    assert [row["id"] for row in current] == [rows[-1]["id"]]


@pytest.mark.parametrize(
    ("now", "month", "status", "late"),
    [
        ("2025-10-31T15:59:59.999Z", "2025-10", 422, None),
        ("2025-10-31T16:00:00Z", "2025-10", 201, False),
        ("2025-11-15T15:59:59.999Z", "2025-10", 201, False),
        ("2025-11-15T16:00:00Z", "2025-10", 201, True),
        ("2025-11-15T16:00:00Z", "2025-12", 422, None),
        ("2025-11-15T16:00:00Z", "2099-12", 422, None),
        ("2025-11-15T16:00:00Z", "2020-02", 201, True),
    ],
)
async def test_months_end_and_reports_are_late_in_the_citys_zone(
    api: httpx.AsyncClient,
    app: FastAPI,
    firm: make.Firm,
    monkeypatch: pytest.MonkeyPatch,
    now: str,
    month: str,
    status: int,
    late: bool | None,
) -> None:
    monkeypatch.setitem(app.state._state, "clock", lambda: datetime.fromisoformat(now))
    answer = await api.post(PATH, json=given.statement_body(month), headers=firm.headers)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert [(each["field"], each["code"]) for each in answer.json()["errors"]] == [
            ("body.month", "month_not_ended")
        ]
    else:
        assert answer.json()["late"] is late


async def test_flags_name_field_value_and_bound_in_both_languages(
    api: httpx.AsyncClient, vans: make.Firm
) -> None:
    before = await given.submit(api, vans, "2025-07")
    assert (before["flags"], before["compared_with"]) == ([], None)
    made = await given.submit(
        api,
        vans,
        vehicle_km=40000.5,
        vehicle_days=60,
        energy={"electricity_kwh": 3000, "diesel_l": 12.5},
        loaded_km=3900.0,
    )
    assert made["compared_with"] == before["id"]
    assert made["checks_version"] == "2026-1"
    found = {(flag["code"], flag["field"]): flag for flag in made["flags"]}
    assert set(found) == {
        ("above_month_before", "energy.electricity_kwh"),
        ("above_month_before", "vehicle_km"),
        ("daily_distance_high", "vehicle_km"),
        ("energy_without_vehicle", "energy.diesel_l"),
    }
    assert found["above_month_before", "vehicle_km"] == {
        "code": "above_month_before",
        "field": "vehicle_km",
        "zh": "较上月增长过大",
        "en": "much more than the month before",
        "value": "40000.5",
        "compared": "5000",
        "bound": "10000",
    }
    daily = found["daily_distance_high", "vehicle_km"]
    assert (daily["value"], daily["compared"], daily["bound"]) == ("666.675", "60", "600")
    flagged = await _listed(api, vans, flagged="true")
    assert [row["id"] for row in flagged] == [made["id"]]
    assert [row["id"] for row in await _listed(api, vans, flagged="false")] == [before["id"]]


async def test_the_fleet_is_the_one_of_that_month(api: httpx.AsyncClient, firm: make.Firm) -> None:
    await make.register(
        api,
        firm,
        valid_from="2025-01-01T00:00:00Z",
        valid_to="2025-07-31T16:00:00Z",
        powertrain="ICE",
        energy_code="B",
    )
    for _ in range(2):
        await make.register(api, firm, valid_from="2025-06-30T16:00:00Z")
    fuels = {"electricity_kwh": 1400, "diesel_l": 400}
    last = await given.submit(api, firm, "2025-07", energy=fuels)
    after = await given.submit(api, firm, "2025-08", energy=fuels)
    early = await given.submit(api, firm, "2025-06", energy=fuels)
    assert last["flags"] == []
    assert [(flag["code"], flag["field"]) for flag in after["flags"]] == [
        ("energy_without_vehicle", "energy.diesel_l")
    ]
    assert {(flag["code"], flag["field"]) for flag in early["flags"]} == {
        ("energy_without_vehicle", "energy.electricity_kwh"),
        ("vehicles_above_fleet", "vehicle_count"),
    }


async def test_a_returned_month_is_no_measure_for_the_next(api: httpx.AsyncClient, vans: make.Firm) -> None:
    before = await given.submit(api, vans, "2025-07", vehicle_km=900.0, loaded_km=800.0, tonne_km=1000.0)
    wrong = {"reason": "里程单位有误"}
    returned = await api.post(f"{PATH}/{before['id']}/return", json=wrong, headers=make.official())
    assert (returned.json()["status"], returned.json()["return_reason"]) == ("returned", "里程单位有误")
    assert returned.json()["returned_by_name"] == "李工"
    made = await given.submit(api, vans)
    assert (made["flags"], made["compared_with"]) == ([], None)


async def test_named_officials_of_any_bureau_decide(api: httpx.AsyncClient, vans: make.Firm) -> None:
    made = await given.submit(api, vans)
    path = f"{PATH}/{made['id']}"
    for headers in (vans.headers, make.office_client(Role.transport_bureau), make.official(Role.police)):
        assert (await api.post(f"{path}/acceptance", headers=headers)).status_code == 403
        back = await api.post(f"{path}/return", json={"reason": "x"}, headers=headers)
        assert back.status_code == 403
    stale = {**make.official(), "If-Match": '"7"'}
    assert (await api.post(f"{path}/acceptance", headers=stale)).status_code == 412
    accepted = await api.post(f"{path}/acceptance", headers=make.official(Role.commerce_bureau))
    assert (accepted.json()["status"], accepted.json()["accepted_by_name"]) == ("accepted", "李工")
    again = await api.post(f"{path}/acceptance", headers=make.official())
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "statement-decided")
    returned = await api.post(f"{path}/return", json={"reason": "发现错误"}, headers=make.official())
    assert returned.json()["accepted_at"] == accepted.json()["accepted_at"], "the earlier decision stays"
    twice = await api.post(f"{path}/return", json={"reason": "再退"}, headers=make.official())
    assert (twice.status_code, twice.json()["type"].rpartition(":")[2]) == (409, "statement-decided")
    corrected = await given.submit(api, vans)
    late = await api.post(f"{path}/acceptance", headers=make.official())
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (409, "statement-superseded")
    assert (corrected["revision"], corrected["status"]) == (2, "submitted")


async def test_two_officials_at_once_decide_once(api: httpx.AsyncClient, vans: make.Firm) -> None:
    path = f"{PATH}/{(await given.submit(api, vans))['id']}/acceptance"
    answers = await asyncio.gather(*(api.post(path, headers=make.official()) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_only_an_active_firm_speaks_and_for_itself(
    api: httpx.AsyncClient, app: FastAPI, firm: make.Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.state._state, "clock", utc_now)
    for headers in (make.official(), make.office_client(Role.transport_bureau), make.official(Role.police)):
        answer = await api.post(PATH, json=given.statement_body(), headers=headers)
        assert answer.status_code == 403
    named = given.statement_body(enterprise_id=str(firm.id))
    assert (await api.post(PATH, json=named, headers=firm.headers)).status_code == 422
    made = await given.submit(api, firm)
    suspension = f"/v1/enterprises/{firm.id}/suspension"
    await api.post(suspension, json={"reason": "x"}, headers=make.official())
    refused = await api.post(PATH, json=given.statement_body(), headers=firm.headers)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "enterprise-suspended")
    assert (await api.get(f"{PATH}/{made['id']}", headers=firm.headers)).status_code == 200


async def test_evidence_is_the_firms_own(api: httpx.AsyncClient, firm: make.Firm, other: make.Firm) -> None:
    own, foreign = [(await make.upload(api, who)).json()["id"] for who in (firm, other)]
    made = await given.submit(api, firm, document_ids=[own, own])
    assert made["document_ids"] == [own]
    answers = [
        await api.post(
            PATH,
            json=given.statement_body("2025-07", document_ids=[own, name]),
            headers={**firm.headers, "X-Request-Id": "same"},
        )
        for name in (foreign, str(uuid4()))
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].content == answers[1].content
    assert [each["field"] for each in answers[0].json()["errors"]] == ["body.document_ids.1"]
    assert [row["month"] for row in await _listed(api, firm, superseded="true")] == [given.MONTH]


async def test_the_feed_alone_tells_every_month(
    api: httpx.AsyncClient, vans: make.Firm, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    costs = {"fuel": "123456789.01", "tolls": "0.10"}
    first = await given.submit(api, vans, costs_yuan=costs, notes="联系人王小明")
    second = await given.submit(api, vans)
    await api.post(f"{PATH}/{second['id']}/acceptance", headers=make.official())
    old = await given.states(superuser, "operating_statement", first["id"])
    new = await given.states(superuser, "operating_statement", second["id"])
    assert [(each["version"], each["status"]) for each in old] == [(1, "submitted"), (2, "superseded")]
    assert [(each["version"], each["status"]) for each in new] == [(1, "submitted"), (2, "accepted")]
    assert old[0]["costs_yuan"] == costs, "money is text, exact; what was not stated is absent"
    assert sum(map(Decimal, old[0]["costs_yuan"].values())) == Decimal("123456789.11")
    assert new[1] | {"version": 0, "flags": []} == {
        "version": 0,
        "id": second["id"],
        "enterprise_id": str(vans.id),
        "month": given.MONTH,
        "revision": 2,
        "supersedes": first["id"],
        "status": "accepted",
        "submitted_at": second["created_at"],
        "superseded_at": None,
        "late": False,
        "costs_yuan": given.statement_body()["costs_yuan"],
        "energy": {"electricity_kwh": 1400.5},
        "vehicle_count": 2,
        "vehicle_days": 50,
        "vehicle_km": 5000,
        "vehicle_km_source": "gps",
        "loaded_km": 3900,
        "tonne_km": 4100,
        "flags": [],
    }
    assert "王小明" not in str(old)


async def test_a_repeated_request_is_one_revision(api: httpx.AsyncClient, firm: make.Firm) -> None:
    headers = {**firm.headers, "Idempotency-Key": str(uuid4())}
    answers = [await api.post(PATH, json=given.statement_body(), headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(await _listed(api, firm, superseded="true")) == 1


_LONG = "长" * 10_001


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"month": "2025-13"}, "month"),
        ({"month": "2025-00"}, "month"),
        ({"month": "2025-8"}, "month"),
        ({"month": "1999-12"}, "month"),
        ({"month": "２０２５-08"}, "month"),
        ({"month": "2025-08\n"}, "month"),
        ({"month": "2025-08-01"}, "month"),
        ({"month": 202508}, "month"),
        ({"costs_yuan": {"fuel": "-1.00"}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"fuel": "1.001"}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"fuel": "1,000.00"}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"fuel": "1e9"}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"fuel": "NaN"}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"fuel": "1000000000"}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"fuel": "１２"}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"fuel": 12.5}}, "costs_yuan.fuel"),
        ({"costs_yuan": {"bribes": "1.00"}}, "costs_yuan.bribes"),
        ({"costs_yuan": None}, "costs_yuan"),
        ({"energy": {"diesel_l": -0.001}}, "energy.diesel_l"),
        ({"energy": {"diesel_l": 1e9}}, "energy.diesel_l"),
        ({"energy": {"diesel_l": "12"}}, "energy.diesel_l"),
        ({"energy": {"diesel_l": True}}, "energy.diesel_l"),
        ({"energy": {"coal_t": 1}}, "energy.coal_t"),
        ({"vehicle_count": -1}, "vehicle_count"),
        ({"vehicle_count": 1.5}, "vehicle_count"),
        ({"vehicle_count": 10**30}, "vehicle_count"),
        ({"vehicle_count": 0, "vehicle_days": None}, "vehicle_km"),
        ({"vehicle_days": 63}, "vehicle_days"),
        ({"vehicle_km": -1}, "vehicle_km"),
        ({"vehicle_km": 1e8 + 1}, "vehicle_km"),
        ({"vehicle_km_source": "guess"}, "vehicle_km_source"),
        ({"loaded_km": 5000.001}, "loaded_km"),
        ({"tonne_km": 1e11}, "tonne_km"),
        ({"notes": _LONG}, "notes"),
        ({"notes": "a\x00b"}, "notes"),
        ({"document_ids": ["x"]}, "document_ids.0"),
        ({"document_ids": [str(uuid4())] * 21}, "document_ids"),
        ({"status": "accepted"}, "status"),
    ],
)
async def test_bad_statements_are_refused_by_field(
    api: httpx.AsyncClient, firm: make.Firm, values: dict[str, Any], field: str
) -> None:
    answer = await api.post(PATH, json=given.statement_body(**values), headers=firm.headers)
    assert answer.status_code == 422, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [f"body.{field}"]
    assert all(" / " in item["message"] for item in answer.json()["errors"])
    assert await _listed(api, firm, superseded="true") == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, '"\\ud800"'])
async def test_numbers_that_are_none_are_refused(
    api: httpx.AsyncClient, firm: make.Firm, number: str
) -> None:
    body = (
        '{"month": "2025-08", "costs_yuan": {}, "energy": {}, "vehicle_count": 2, "vehicle_km": %s,'
        ' "vehicle_km_source": "gps"}'
    )
    headers = {**firm.headers, "Content-Type": "application/json"}
    answer = await api.post(PATH, content=(body % number).encode(), headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.vehicle_km")


async def test_tiny_and_long_fractions_are_kept_to_three_decimals(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    made = await given.submit(
        api, firm, vehicle_km=1 / 3, loaded_km=5e-324, tonne_km=-0.0, energy={"diesel_l": 0.1 + 0.2}
    )
    assert (made["vehicle_km"], made["loaded_km"], str(made["tonne_km"])) == (0.333, 0.0, "0.0")
    assert made["energy"]["diesel_l"] == 0.3
    assert made["flags"]


@pytest.mark.parametrize(
    "query", ["month=2025-13", "status=new", "late=perhaps", "flagged=2", "enterprise_id=x", "mounth=2025-08"]
)
async def test_bad_filters_are_refused(api: httpx.AsyncClient, firm: make.Firm, query: str) -> None:
    answer = await api.get(f"{PATH}?{query}", headers=firm.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query." + query.partition("=")[0]
