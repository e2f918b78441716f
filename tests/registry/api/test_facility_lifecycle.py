"""Stages of facilities: one after the other, on days in order, corrected on record, counted exactly."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.registry.domain.facilities import FacilityKind
from services.shared.auth import Principal, Role
from tests.factories import places
from tests.factories import registry as make

PATH = "/v1/facilities"
STAGES = ("planned", "built", "operating", "closed")
ROUTES = {"built": "construction-completion", "operating": "opening", "closed": "closure"}
Json = dict[str, Any]


async def step(
    api: httpx.AsyncClient,
    facility: Json,
    stage: str,
    on: str,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx.Response:
    path = f"{PATH}/{facility['id']}/{ROUTES[stage]}"
    return await api.post(path, json={"on": on, **more}, headers=headers or make.official())


async def correct(api: httpx.AsyncClient, facility: Json, status: str, on: str | None) -> httpx.Response:
    body = {"status": status, "on": on, "reason": "录入有误"}
    return await api.post(f"{PATH}/{facility['id']}/corrections", json=body, headers=make.official())


async def new(api: httpx.AsyncClient, kind: str = "freight_hub", **values: Any) -> Json:
    return await places.create_facility(api, make.official(), places.facility_body(kind, **values))


def slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_facility_goes_through_its_stages(api: httpx.AsyncClient) -> None:
    facility = await new(api)
    evidence = await places.upload(api, make.official())
    for stage, on in (("built", "2024-05-01"), ("operating", "2024-05-01"), ("closed", "2025-01-31")):
        answer = await step(api, facility, stage, on, note="验收", document_ids=[evidence])
        assert (answer.status_code, answer.json()["status"]) == (200, stage), answer.text
    last = answer.json()
    days = [last[name] for name in ("planned_on", "built_on", "opened_on", "closed_on")]
    assert days == ["2024-01-10", "2024-05-01", "2024-05-01", "2025-01-31"]
    assert (last["opening_document_ids"], last["version"]) == ([evidence], 4)
    records = await api.get(f"{PATH}/{facility['id']}/steps", headers=make.official())
    told = [(r["status"], r["day"], r["note"], r["decided_by_name"]) for r in records.json()["items"]]
    assert told[0] == ("planned", "2024-01-10", None, "李工")
    assert told[1:] == [(s, d, "验收", "李工") for s, d in zip(STAGES[1:], days[1:], strict=True)]


@pytest.mark.parametrize("reached", STAGES)
@pytest.mark.parametrize("stage", ROUTES)
async def test_no_stage_is_left_out_or_repeated(api: httpx.AsyncClient, reached: str, stage: str) -> None:
    facility = await new(api, "cold_store")
    for each in STAGES[1 : STAGES.index(reached) + 1]:
        assert (await step(api, facility, each, "2024-05-01")).status_code == 200
    answer = await step(api, facility, stage, "2024-06-01")
    follows = STAGES.index(stage) == STAGES.index(reached) + 1 or (stage == "closed" and reached != "closed")
    assert slug(answer) == (409, "stage-out-of-order") if not follows else answer.status_code == 200


@pytest.mark.parametrize(
    ("on", "code"),
    [
        ("2024-01-09", "day_out_of_order"),
        ("2999-01-01", "day_range"),
        ("2090-01-01", "day_out_of_order"),
        ("2024-02-30", "date_invalid"),
        ("yesterday", "date_parsing"),
        (None, "date_parsing"),
    ],
)
async def test_days_in_the_wrong_order_are_refused(api: httpx.AsyncClient, on: str | None, code: str) -> None:
    facility = await new(api)
    path = f"{PATH}/{facility['id']}/construction-completion"
    answer = await api.post(path, json={"on": on}, headers=make.official())
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("body.on", code)
    assert (await api.get(f"{PATH}/{facility['id']}", headers=make.official())).json() == facility


async def test_a_day_begins_with_the_citys_midnight(app: FastAPI, api: httpx.AsyncClient) -> None:
    """At 16:30 UTC it is the next day in the city: its step may be recorded then and not before."""
    facility = await new(api)
    before = app.state.clock
    headers = make.official()
    try:
        app.state.clock = lambda: datetime(2026, 11, 26, 15, 59, tzinfo=UTC)
        assert (await step(api, facility, "built", "2026-11-27", headers)).status_code == 422
        app.state.clock = lambda: datetime(2026, 11, 26, 16, 1, tzinfo=UTC)
        assert (await step(api, facility, "built", "2026-11-27", headers)).status_code == 200
    finally:
        app.state.clock = before


async def test_only_an_official_in_charge_opens(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = places.own_facility_body("parcel_locker")
    facility = await places.create_facility(api, firm.headers, body)
    assert (await step(api, facility, "built", "2024-05-01", firm.headers)).json()["status"] == "built"
    system = make.office_client(Role.postal_bureau)
    for headers in (firm.headers, system, make.official(Role.commerce_bureau), make.official(Role.police)):
        assert (await step(api, facility, "operating", "2024-05-02", headers)).status_code == 403
    opened = await step(api, facility, "operating", "2024-05-02", make.official(Role.postal_bureau))
    assert opened.json()["status"] == "operating"
    stranger = await make.admit_firm(api)
    assert (await step(api, facility, "closed", "2024-06-01", stranger.headers)).status_code == 404
    assert (await step(api, facility, "closed", "2024-06-01", system)).status_code == 403
    assert (await correct_as(api, facility, firm.headers)).status_code == 403
    assert (await step(api, facility, "closed", "2024-06-01", firm.headers)).json()["status"] == "closed"
    path = f"{PATH}/{facility['id']}/steps"
    records = (await api.get(path, headers=firm.headers)).json()["items"]
    assert [record["decided_by_name"] for record in records] == [None, None, "李工", None]
    assert (await api.get(path, headers=stranger.headers)).status_code == 404
    assert (await api.get(path, headers=make.official(Role.police))).status_code == 403


async def correct_as(api: httpx.AsyncClient, facility: Json, headers: dict[str, str]) -> httpx.Response:
    body = {"status": "operating", "on": "2024-05-03", "reason": "x"}
    return await api.post(f"{PATH}/{facility['id']}/corrections", json=body, headers=headers)


async def test_evidence_must_be_the_callers(api: httpx.AsyncClient, firm: make.Firm) -> None:
    facility = await places.create_facility(api, firm.headers, places.own_facility_body())
    other = await make.admit_firm(api)
    foreign = await places.upload(api, other.headers)
    answer = await step(api, facility, "built", "2024-05-01", firm.headers, document_ids=[foreign])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.document_ids.0")


async def test_a_correction_stays_on_record(
    api: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    facility = await new(api)
    evidence = await places.upload(api, make.official())
    await step(api, facility, "built", "2024-05-01")
    await step(api, facility, "operating", "2024-06-01", note="开业", document_ids=[evidence])
    corrected = await correct(api, facility, "operating", "2024-07-01")
    assert (corrected.status_code, corrected.json()["opened_on"]) == (200, "2024-07-01")
    assert corrected.json()["opening_document_ids"] == [evidence]
    records = (await api.get(f"{PATH}/{facility['id']}/steps", headers=make.official())).json()["items"]
    wrong, right = records[2:]
    assert (wrong["day"], wrong["superseded_reason"], wrong["superseded_by_name"]) == (
        "2024-06-01",
        "录入有误",
        "李工",
    )
    assert (right["day"], right["corrects_id"], right["superseded_at"]) == ("2024-07-01", wrong["id"], None)
    assert (right["note"], wrong["note"]) == ("开业", "开业")
    withdrawn = await correct(api, facility, "operating", None)
    assert (withdrawn.json()["status"], withdrawn.json()["opened_on"]) == ("built", None)
    assert withdrawn.json()["opening_document_ids"] == []
    again = await step(api, facility, "operating", "2024-08-01")
    assert again.json()["opened_on"] == "2024-08-01"
    kept = await superuser.fetchval(
        "SELECT count(*) FROM registry.facility_steps WHERE facility_id = $1", UUID(facility["id"])
    )
    assert kept == 5


async def test_no_correction_breaks_the_order(api: httpx.AsyncClient) -> None:
    facility = await new(api)
    for stage, on in (("built", "2024-05-01"), ("operating", "2024-06-01")):
        await step(api, facility, stage, on)
    for status, on in (("operating", "2024-04-30"), ("built", "2024-06-02"), ("planned", "2024-05-02")):
        answer = await correct(api, facility, status, on)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.on")
    for status in ("planned", "built"):
        assert slug(await correct(api, facility, status, None)) == (409, "stage-out-of-order")
    assert slug(await correct(api, facility, "closed", "2024-07-01")) == (409, "stage-out-of-order")
    assert (await correct(api, facility, "operating", "2999-01-01")).status_code == 422
    assert (await api.get(f"{PATH}/{facility['id']}/steps", headers=make.official())).json()["items"][-1][
        "superseded_at"
    ] is None
    moved = await correct(api, facility, "planned", "2023-01-01")
    assert moved.json()["planned_on"] == "2023-01-01"


async def test_unknown_facilities_are_not_found(api: httpx.AsyncClient) -> None:
    nowhere = {"id": "01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0"}
    for stage in ROUTES:
        assert (await step(api, nowhere, stage, "2024-05-01")).status_code == 404
    assert (await correct(api, nowhere, "built", None)).status_code == 404
    for path in ("", "/steps"):
        assert (await api.get(f"{PATH}/{nowhere['id']}{path}", headers=make.official())).status_code == 404


async def counts(api: httpx.AsyncClient, day: date, division: str) -> dict[str, Json]:
    answer = await api.get(
        "/v1/facility-counts",
        params={"at": day.isoformat(), "division_code": division},
        headers=make.bearer(Principal("p", Role.public)),
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["on"] == day.isoformat()
    return {item["kind"]: item for item in answer.json()["items"]}


async def test_numbers_of_any_day_are_exact(api: httpx.AsyncClient) -> None:
    """Random lives with corrections, counted on every day by going through a plain list of what is true."""
    chance, division = random.Random(7), "211122"
    first = date(2024, 1, 1)
    lives: list[tuple[str, dict[str, date]]] = []
    for _ in range(25):
        kind = chance.choice(["freight_hub", "cold_store", "parcel_locker"])
        days = sorted(first + timedelta(days=chance.randrange(60)) for _ in range(4))
        stages = chance.choice([STAGES[:1], STAGES[:2], STAGES[:3], STAGES, ("planned", "closed")])
        life = dict(zip(stages, days, strict=False))
        body = places.facility_body(kind, division_code=division, planned_on=life["planned"].isoformat())
        facility = await places.create_facility(api, make.official(), body)
        for stage in stages[1:]:
            assert (await step(api, facility, stage, life[stage].isoformat())).status_code == 200
        last = stages[-1]
        if last != "planned" and chance.random() < 0.5:
            moved = days[len(stages) - 1] + timedelta(days=chance.randrange(20))
            life[last] = moved
            assert (await correct(api, facility, last, moved.isoformat())).status_code == 200
        lives.append((kind, life))
    for day in (first + timedelta(days=number) for number in range(-1, 85, 3)):
        found = await counts(api, day, division)
        assert set(found) == set(FacilityKind)
        for kind in FacilityKind:
            there = [
                [stage for stage in STAGES if stage in life and life[stage] <= day]
                for of, life in lives
                if of == kind
            ]
            wanted = {stage: sum(begun[-1:] == [stage] for begun in there) for stage in STAGES}
            assert {stage: found[kind][stage] for stage in STAGES} == wanted, (day, kind)


async def test_bays_and_chargers_are_counted_one_by_one(api: httpx.AsyncClient, firm: make.Firm) -> None:
    division = "211121"
    evidence = await places.upload(api, make.official())
    body = places.own_facility_body(
        "kerb_bay_group", division_code=division, enterprise_id=str(firm.id), zone_code="PJ-LIAOBIN"
    )
    group = await places.create_facility(api, make.official(), body)
    await step(api, group, "built", "2024-03-01")
    bays = [
        places.bay(in_service_from="2024-02-01"),
        places.bay(in_service_from="2024-04-01", nev_only=True),
        places.bay(in_service_from="2024-04-01", nev_only=True, has_charger=True),
    ]
    made = await places.create_bays(api, make.official(), group["id"], *bays)
    await places.create_bays(api, firm.headers, group["id"], places.bay(in_service_from="2024-04-01"))
    await places.create_chargers(
        api,
        make.official(),
        group["id"],
        places.charger(in_service_from="2024-04-01"),
        places.charger(in_service_from="2024-04-01", open_to_delivery_vehicles=False),
    )
    await places.create_chargers(api, firm.headers, group["id"], places.charger(in_service_from="2024-04-01"))
    await step(api, group, "operating", "2024-03-15", document_ids=[evidence])
    ending = {"on": "2024-05-01", "reason": "道路改造"}
    await places.posted(api, f"/v1/bays/{made[1]['id']}/retirement", make.official(), ending)
    await step(api, group, "closed", "2024-06-01")

    names = ("operating", "operating_with_evidence", "bays", "nev_only_bays", "bays_with_charger")
    more = ("unconfirmed_bays", "chargers", "delivery_chargers", "unconfirmed_chargers")
    for day, wanted in {
        date(2024, 3, 14): (0, 0, 0, 0, 0, 0, 0, 0, 0),
        date(2024, 3, 15): (1, 1, 1, 0, 0, 0, 0, 0, 0),
        date(2024, 4, 1): (1, 1, 3, 2, 1, 1, 2, 1, 1),
        date(2024, 4, 30): (1, 1, 3, 2, 1, 1, 2, 1, 1),
        date(2024, 5, 1): (1, 1, 2, 1, 1, 1, 2, 1, 1),
        date(2024, 5, 31): (1, 1, 2, 1, 1, 1, 2, 1, 1),
        date(2024, 6, 1): (0, 0, 0, 0, 0, 0, 0, 0, 0),
    }.items():
        row = (await counts(api, day, division))["kerb_bay_group"]
        assert tuple(row[name] for name in (*names, *more)) == wanted, day
    confirmed = await api.post(
        f"{PATH}/{group['id']}/confirmation", json={}, headers=make.official(Role.transport_bureau)
    )
    assert confirmed.status_code == 200
    row = (await counts(api, date(2024, 4, 30), division))["kerb_bay_group"]
    assert tuple(row[name] for name in (*names, *more)) == (1, 1, 4, 2, 1, 0, 3, 2, 0)
    zoned = await api.get(
        "/v1/facility-counts", params={"at": "2024-04-30", "zone_code": "PJ-GAOXIN"}, headers=make.official()
    )
    assert sum(item["operating"] for item in zoned.json()["items"]) == 0
    assert (await api.get("/v1/facility-counts?at=never", headers=make.official())).status_code == 422
    assert (await api.get("/v1/facility-counts")).status_code == 401
