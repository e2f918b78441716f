"""Readings of positions: for a purpose, on record before the answer, shown to whom they concern."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.shared.audit import access_log_of, find_break
from services.shared.auth import Role
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.schemas import format_instant
from tests.factories.telemetry import fix, headers, moment, service_headers
from tests.support.mvt import tile_of
from tests.support.positions_stage import Stage, Van

CASE = "事故调查 2026-117"
OFFICES = (Role.transport_bureau, Role.commerce_bureau, Role.postal_bureau, Role.police)
BOX = "122.0,41.0,122.2,41.2"
TILE = "/v1/position-tiles/{}/{}/{}.mvt"


@pytest.fixture
async def vans(stage: Stage) -> list[Van]:
    """Two vans of a firm and one of another, standing in the box."""
    await stage.superuser.execute("TRUNCATE telemetry.latest_positions")
    first, second = await stage.firm(), await stage.firm()
    found = [await stage.van(firm) for firm in (first, first, second)]
    for van in found:
        await stage.drive(van, [fix(30)])
    return found


@pytest.fixture
async def intact(stage: Stage) -> AsyncIterator[None]:
    """The log's chain holds afterwards."""
    yield
    worker = Database(stage.urls["telemetry_worker"], pool_size=1)
    try:
        assert await find_break(worker, access_log_of("telemetry")) is None
    finally:
        await worker.close()


async def readings(stage: Stage, who: dict[str, str], **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await stage.get("/v1/position-readings", who, limit=200, **params, **cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json()["next_cursor"]}


def paths(van: Van) -> dict[str, dict[str, Any]]:
    """Everything that shows where somebody's vehicle is, with its parameters."""
    return {
        "/v1/tracks": {"vehicle_id": van.id},
        "/v1/latest-positions": {"vehicle_id": van.id},
        "/v1/nearby-vehicles": {"lon": 122.07, "lat": 41.12},
        "/v1/position-stream": {"vehicle_id": van.id},
        "/v1/visits": {},
        "/v1/trips": {},
        "/v1/daily-mileages": {},
        "/v1/alerts": {},
        TILE.format(*tile_of(122.07, 41.12, 11)): {},
    }


@pytest.mark.parametrize("role", OFFICES)
async def test_offices_and_police_state_a_purpose(stage: Stage, vans: list[Van], role: Role) -> None:
    who = headers(role)
    before = await readings(stage, headers(Role.transport_bureau))
    for path, params in paths(vans[0]).items():
        for purpose in ({}, {"purpose": " "}, {"purpose": "x"}, {"purpose": "查 13912345678 的车"}):
            answer = await stage.get(path, who, **params, **purpose)
            assert answer.status_code == 422, (path, purpose)
            assert [each["field"] for each in answer.json()["errors"]] == ["query.purpose"]
            if not purpose:
                assert answer.json()["type"] == "urn:cityfreight:problem:purpose-required"
    assert (await stage.get("/v1/latest-positions", who, bbox=BOX)).status_code == 422
    assert await readings(stage, headers(Role.transport_bureau)) == before


async def test_firms_and_services_need_none_and_are_not_on_record(stage: Stage, vans: list[Van]) -> None:
    mine = headers(enterprise_id=vans[0].firm)
    for path in ("/v1/tracks", "/v1/latest-positions", "/v1/nearby-vehicles"):
        assert (await stage.get(path, mine, **paths(vans[0])[path])).status_code == 200
    near = paths(vans[0])["/v1/nearby-vehicles"]
    assert (await stage.get("/v1/nearby-vehicles", service_headers(), **near)).status_code == 200
    assert (await stage.get("/internal/v1/latest-positions", service_headers())).status_code == 200
    assert await readings(stage, mine) == []


@pytest.mark.usefixtures("intact")
async def test_a_track_is_one_entry_that_its_owner_sees(stage: Stage, vans: list[Van]) -> None:
    first, second = headers(enterprise_id=vans[0].firm), headers(enterprise_id=vans[2].firm)
    police = headers(Role.police, name="警官")
    window = {"from": format_instant(moment(7200)), "to": format_instant(moment(0))}
    answer = await stage.get("/v1/tracks", police, vehicle_id=vans[0].id, purpose=CASE, **window)
    assert answer.status_code == 200
    (entry,) = await readings(stage, first)
    assert (entry["role"], entry["reader_name"], entry["kind"]) == ("police", "警官", "track")
    assert (entry["purpose"], entry["vehicle_ids"]) == (CASE, [str(vans[0].id)])
    assert entry["enterprise_id"] == str(vans[0].firm)
    assert (entry["read_from"], entry["read_to"]) == (window["from"], window["to"])
    assert datetime.fromisoformat(entry["read_at"]) > utc_now() - timedelta(minutes=1)
    assert await readings(stage, second) == []
    assert entry in await readings(stage, headers(Role.commerce_bureau))
    assert (await stage.get("/v1/position-readings", headers(Role.police))).status_code == 403


@pytest.mark.usefixtures("intact")
async def test_a_box_is_an_entry_for_each_firm_in_it(stage: Stage, vans: list[Van]) -> None:
    office = headers(Role.transport_bureau, name="李工")
    assert (await stage.get("/v1/latest-positions", office, bbox=BOX, purpose=CASE)).status_code == 200
    for firm, count in ((vans[0].firm, 2), (vans[2].firm, 1)):
        (entry,) = await readings(stage, headers(enterprise_id=firm))
        assert (entry["kind"], entry["vehicles"], entry["bbox"]) == (
            "latest",
            count,
            [122.0, 41.0, 122.2, 41.2],
        )
        assert (entry["vehicle_ids"], entry["purpose"]) == (None, CASE)
    far = await stage.get("/v1/latest-positions", office, bbox="1,1,2,2", purpose="空白区域")
    assert far.json()["features"] == []
    entry = (await readings(stage, office))[-1]
    assert (entry["purpose"], entry["enterprise_id"], entry["vehicles"]) == ("空白区域", None, 0)


@pytest.mark.usefixtures("intact")
async def test_named_vehicles_of_two_firms_are_told_to_each_alone(stage: Stage, vans: list[Van]) -> None:
    named = [van.id for van in vans]
    answer = await stage.get("/v1/latest-positions", headers(Role.police), vehicle_id=named, purpose=CASE)
    assert len(answer.json()["features"]) == 3
    (ours,) = await readings(stage, headers(enterprise_id=vans[0].firm))
    (theirs,) = await readings(stage, headers(enterprise_id=vans[2].firm))
    assert set(ours["vehicle_ids"]) == {str(vans[0].id), str(vans[1].id)}
    assert theirs["vehicle_ids"] == [str(vans[2].id)]
    for van in vans:
        (found,) = await readings(stage, headers(Role.postal_bureau), vehicle_id=van.id)
        assert found in (ours, theirs)
        assert str(van.id) in found["vehicle_ids"]
    other = headers(enterprise_id=vans[0].firm)
    assert await readings(stage, other, vehicle_id=vans[2].id) == []
    assert await readings(stage, other, vehicle_id=uuid4()) == []


async def test_nearby_and_visits_are_on_record_too(stage: Stage, vans: list[Van]) -> None:
    police = headers(Role.police)
    near = {"lon": 122.07, "lat": 41.12, "radius_m": 500}
    assert (await stage.get("/v1/nearby-vehicles", police, **near, purpose=CASE)).status_code == 200
    assert (await stage.get("/v1/visits", police, vehicle_id=vans[0].id, purpose=CASE)).status_code == 200
    nearby, visits = await readings(stage, headers(enterprise_id=vans[0].firm))
    assert (nearby["kind"], nearby["point"], nearby["radius_m"]) == ("nearby", [122.07, 41.12], 500)
    assert nearby["vehicles"] == 2
    assert (visits["kind"], visits["vehicle_ids"]) == ("visits", [str(vans[0].id)])


async def test_alerts_are_on_record_too(stage: Stage, vans: list[Van]) -> None:
    """An alert of an area says where a vehicle was, and when."""
    alerts = [uuid4() for _ in range(3)]
    for alert, van in zip(alerts, (vans[0], vans[0], vans[2]), strict=True):
        await stage.superuser.execute(
            "INSERT INTO telemetry.alerts (id, vehicle_id, enterprise_id, kind, severity, rule_id,"
            " for_offices, started_at, status)"
            " VALUES ($1, $2, $3, 'area_entered', 'warning', $4, true, now(), 'open')",
            alert, van.id, van.firm, uuid4(),
        )  # fmt: skip
    office, firm = headers(Role.commerce_bureau), headers(enterprise_id=vans[0].firm)
    for path in ("/v1/alerts", f"/v1/alerts/{alerts[0]}"):
        bare = await stage.get(path, office)
        assert (bare.status_code, bare.json()["type"][-16:]) == (422, "purpose-required")
    narrowed = {"enterprise_id": vans[0].firm, "purpose": CASE}
    for path, params in (
        ("/v1/alerts", narrowed),
        ("/v1/alerts", {"vehicle_id": vans[0].id, "enterprise_id": vans[2].firm, "purpose": CASE}),
        (f"/v1/alerts/{alerts[0]}", {"purpose": CASE}),
    ):
        assert (await stage.get(path, office, **params)).status_code == 200
    listed, named, one = await readings(stage, firm)
    assert {each["kind"] for each in (listed, named, one)} == {"alerts"}
    assert (listed["vehicles"], listed["of_enterprise_id"]) == (1, str(vans[0].firm)), "not the alerts"
    assert named["vehicle_ids"] == one["vehicle_ids"] == [str(vans[0].id)]
    assert str(vans[2].firm) not in str(named), "another firm is named to nobody"
    assert await readings(stage, headers(enterprise_id=vans[2].firm)) == []


async def test_visits_are_counted_by_vehicle_and_narrowed_on_record(stage: Stage, vans: list[Van]) -> None:
    area = uuid4()
    for hour in (1, 2):
        await stage.superuser.execute(
            "INSERT INTO telemetry.visits (id, vehicle_id, enterprise_id, area_id, entered_at, left_at,"
            " status) VALUES ($1, $2, $3, $4, $5, $5, 'closed')",
            uuid4(), vans[0].id, vans[0].firm, area, moment(3600 * hour),
        )  # fmt: skip
    answer = await stage.get("/v1/visits", headers(Role.police), area_id=area, purpose=CASE)
    assert len(answer.json()["items"]) == 2
    (entry,) = await readings(stage, headers(enterprise_id=vans[0].firm))
    assert (entry["vehicles"], entry["area_id"]) == (1, str(area))


async def test_exports_are_on_record_for_firms_too(stage: Stage, vans: list[Van]) -> None:
    mine = headers(enterprise_id=vans[0].firm)
    for form in ("csv", "gpx"):
        assert (await stage.get("/v1/tracks", mine, vehicle_id=vans[0].id, format=form)).status_code == 200
    await stage.receive(vans[0].number, b"{")
    assert (await stage.get("/v1/quarantined-positions/export", mine)).status_code == 200
    found = await readings(stage, mine)
    assert [(each["kind"], each["format"], each["role"]) for each in found] == [
        ("track", "csv", "enterprise"), ("track", "gpx", "enterprise"), ("quarantine", "csv", "enterprise"),
    ]  # fmt: skip
    assert found[2]["vehicles"] == 1


async def test_no_position_is_on_record(stage: Stage, vans: list[Van]) -> None:
    place = {"lon": 122.0718281828, "lat": 41.1314159265}
    await stage.drive(vans[0], [fix(1, **place)])
    police = headers(Role.police)
    await stage.get("/v1/tracks", police, vehicle_id=vans[0].id, purpose=CASE)
    await stage.get("/v1/latest-positions", police, bbox=BOX, purpose=CASE)
    await stage.get("/v1/nearby-vehicles", police, lon=122.07, lat=41.13, purpose=CASE)
    for row in await stage.superuser.fetch("SELECT entry FROM telemetry.access_log"):
        assert b"122.071" not in row["entry"]
        assert b"41.131" not in row["entry"]


async def test_without_its_entry_there_is_no_answer(stage: Stage, vans: list[Van]) -> None:
    police = headers(Role.police)
    await stage.superuser.execute("REVOKE INSERT ON telemetry.access_log FROM telemetry_api")
    try:
        for path, params in paths(vans[0]).items():
            answer = await stage.get(path, police, purpose=CASE, **params)
            assert answer.status_code >= 500, path
            assert vans[0].number not in answer.text
    finally:
        await stage.superuser.execute("GRANT INSERT ON telemetry.access_log TO telemetry_api")
    assert (await stage.get("/v1/tracks", police, purpose=CASE, vehicle_id=vans[0].id)).status_code == 200


@pytest.mark.usefixtures("intact")
async def test_readings_at_once_share_one_chain(stage: Stage, vans: list[Van]) -> None:
    police = headers(Role.police)
    answers = await asyncio.gather(
        *(stage.get("/v1/tracks", police, vehicle_id=vans[0].id, purpose=CASE) for _ in range(40))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len(await readings(stage, headers(enterprise_id=vans[0].firm))) == 40


async def test_a_map_is_one_entry_a_firm_for_ten_minutes(stage: Stage, vans: list[Van]) -> None:
    office = headers(Role.transport_bureau)
    app: Any = stage.api._transport.app  # type: ignore[attr-defined]  # the in-process transport
    clock = app.state.clock
    deep, deeper = tile_of(122.07, 41.12, 12), tile_of(122.07, 41.12, 13)
    try:
        for minutes in (0, 1, 9):
            app.state.clock = lambda minutes=minutes: clock() + timedelta(minutes=minutes)
            answers = await asyncio.gather(
                *(stage.get(TILE.format(*each), office, purpose=CASE) for each in (deep, deeper) * 3)
            )
            assert {answer.status_code for answer in answers} <= {200, 204}
            assert 200 in {answer.status_code for answer in answers}
            entries = [await readings(stage, headers(enterprise_id=van.firm)) for van in (vans[0], vans[2])]
            assert [[each["kind"] for each in found] for found in entries] == [["map"], ["map"]]
            assert entries[0][0]["stands_for_s"] == 600
            west, south, east, north = entries[0][0]["bbox"]
            assert west < 122.07 < east
            assert south < 41.12 < north
        late = await stage.van(await stage.firm())
        await stage.drive(late, [fix(1)])
        await stage.get(TILE.format(*deep), office, purpose=CASE)
        assert len(await readings(stage, headers(enterprise_id=late.firm))) == 1
        app.state.clock = lambda: clock() + timedelta(minutes=11)
        await stage.get(TILE.format(*deep), office, purpose=CASE)
        assert len(await readings(stage, headers(enterprise_id=vans[0].firm))) == 2
        await stage.get(TILE.format(*deep), office, purpose="另一用途")
        assert len(await readings(stage, headers(enterprise_id=vans[0].firm))) == 3
        for place in (0.5, 0.6):
            sea = TILE.format(*tile_of(place, place, 12))
            assert (await stage.get(sea, office, purpose="空白海域")).status_code == 204
        nobodys = [each for each in await readings(stage, office) if each["purpose"] == "空白海域"]
        assert [(each["enterprise_id"], each["vehicles"]) for each in nobodys] == [(None, 0)]
    finally:
        app.state.clock = clock


@pytest.mark.usefixtures("intact")
async def test_quarantine_is_on_record_where_an_office_reads_it(stage: Stage, vans: list[Van]) -> None:
    """What is in quarantine says where vehicles were, too."""
    for van in (vans[0], vans[2]):
        await stage.receive(van.number, fix(10, plate="x"))
    path = "/v1/quarantined-positions"
    mine = headers(enterprise_id=vans[0].firm)
    (row,) = (await stage.get(path, mine)).json()["items"]
    assert (await stage.get(f"{path}/{row['id']}", mine)).json() == row
    assert await readings(stage, mine) == []
    office = headers(Role.commerce_bureau)
    listed = await stage.get(path, office, purpose=CASE, terminal_number=vans[0].number)
    assert listed.json()["items"] == [row]
    for bare in (path, f"{path}/{row['id']}", f"{path}/export"):
        assert (await stage.get(bare, office)).status_code == 422
    assert (await stage.get(f"{path}/{row['id']}", office, purpose=CASE)).json() == row
    found = await readings(stage, mine)
    assert [(each["kind"], each["purpose"], each["vehicles"]) for each in found] == [
        ("quarantine", CASE, 1), ("quarantine", CASE, 1),
    ]  # fmt: skip
    assert [each["terminal_number"] for each in found] == 2 * [vans[0].number]
    assert await readings(stage, headers(enterprise_id=vans[2].firm)) == []
    assert (await stage.get(path, office, purpose="查 13912345678")).status_code == 422


async def test_readings_are_narrowed_by_when_they_were_made(stage: Stage, vans: list[Van]) -> None:
    mine, police = headers(enterprise_id=vans[0].firm), headers(Role.police)
    for _ in range(4):
        await stage.get("/v1/tracks", police, vehicle_id=vans[0].id, purpose=CASE)
        await asyncio.sleep(0.002)
    every = await readings(stage, mine)
    first, second, third, _ = [each["read_at"] for each in every]
    assert await readings(stage, mine, **{"from": second}) == every[1:]
    assert await readings(stage, mine, to=second) == every[:1]
    assert await readings(stage, mine, vehicle_id=vans[0].id, **{"from": second, "to": third}) == every[1:2]
    assert await readings(stage, mine, **{"from": third, "to": first}) == []
    window = {"from": second, "limit": 2}
    page = (await stage.get("/v1/position-readings", mine, **window)).json()
    rest = (await stage.get("/v1/position-readings", mine, **window, cursor=page["next_cursor"])).json()
    assert page["items"] + rest["items"] == every[1:]


async def test_quarantine_counts_terminals_and_says_what_was_asked(stage: Stage, vans: list[Van]) -> None:
    for seconds in range(5):
        await stage.receive(vans[0].number, fix(10 + seconds, plate="x"))
    await stage.receive(vans[1].number, fix(10, plate="x"))
    since, until = format_instant(moment(3600)), format_instant(moment(-3600))
    asked = {"purpose": CASE, "reason": ["unknown_field", "too_old"], "from": since, "to": until}
    office, path = headers(Role.transport_bureau), "/v1/quarantined-positions"
    assert len((await stage.get(path, office, **asked)).json()["items"]) >= 6
    exported = await stage.get(
        f"{path}/export", office, format="ndjson", terminal_number=vans[0].number, **asked
    )
    assert len(exported.text.splitlines()) == 5
    listed, export = await readings(stage, headers(enterprise_id=vans[0].firm))
    assert (listed["vehicles"], listed["terminal_number"], listed["format"]) == (2, None, None)
    assert (export["vehicles"], export["terminal_number"], export["format"]) == (1, vans[0].number, "ndjson")
    for entry in (listed, export):
        assert entry["reasons"] == ["unknown_field", "too_old"]
        assert (entry["read_from"], entry["read_to"]) == (since, until)
