"""Files in: checked row by row, applied whole or not at all, and the same again is nothing."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.registry.operations.imports import applying, outcomes
from services.shared.auth import Role
from tests.factories import imports as files
from tests.factories import people
from tests.factories import registry as make

Json = dict[str, Any]
_PERSON = {"kind": "driver", **people.driver_body()}
_PLACE = {
    "code": "F-9",
    "kind": "cold_store",
    "name": "冷库",
    "lon": 122.07,
    "lat": 41.12,
    "docks": 2,
    "planned_on": "2024-01-01",
}
_ONE: dict[str, tuple[list[Json], tuple[str, ...]]] = {
    "vehicles": ([files.vehicle_row()], files.VEHICLE),
    "drivers": ([_PERSON], tuple(_PERSON)),
    "facilities": ([_PLACE], tuple(_PLACE)),
}
"""A row of each entity, and its columns."""


def totals(**counts: int) -> Json:
    return {"created": 0, "updated": 0, "unchanged": 0, "conflict": 0, "invalid": 0, **counts}


async def vehicles_of(api: httpx.AsyncClient, firm: make.Firm) -> list[Json]:
    found: list[Json] = (await api.get("/v1/vehicles?limit=200", headers=firm.headers)).json()["items"]
    return found


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_file_is_checked_then_applied_and_then_nothing(
    desk: files.Desk, firm: make.Firm, kind: str
) -> None:
    rows = [files.vehicle_row() for _ in range(25)]
    content, media = (files.csv_of(rows), files.CSV) if kind == "csv" else (files.xlsx_of(rows), files.XLSX)
    checked = await desk.check(content, firm.headers, media_type=media)
    assert (checked["status"], checked["rows_total"], checked["rows_done"]) == ("checked", 25, 25)
    assert checked["totals"] == totals(created=25)
    assert await vehicles_of(desk.api, firm) == [], "a check changes nothing"
    applied = await desk.apply(checked["id"], firm.headers)
    assert (applied["status"], applied["totals"]) == ("applied", totals(created=25))
    present = await vehicles_of(desk.api, firm)
    given = {row["plate_number"]: row for row in rows}
    assert {each["plate_number"] for each in present} == set(given)
    for each in present:
        assert {name: each[name] for name in files.VEHICLE} == given[each["plate_number"]]
    again = await desk.check(content, firm.headers, media_type=media)
    assert again["totals"] == totals(unchanged=25)
    assert (await desk.apply(again["id"], firm.headers))["totals"] == totals(unchanged=25)
    assert await vehicles_of(desk.api, firm) == present


async def test_every_row_has_its_outcome(desk: files.Desk, firm: make.Firm) -> None:
    other = await make.admit_firm(desk.api)
    mine, same = await make.register(desk.api, firm), await make.register(desk.api, firm)
    taken = await make.register(desk.api, other)
    rows = [
        files.vehicle_row(),
        {**mine, "payload_kg": 1001},
        same,
        files.vehicle_row(plate_number=taken["plate_number"]),
        files.vehicle_row(payload_kg="many", vehicle_type="H9"),
        files.vehicle_row(plate_number="辽LI2345"),
    ]
    checked = await desk.check(files.csv_of(rows), firm.headers)
    assert checked["totals"] == totals(created=1, updated=1, unchanged=1, conflict=1, invalid=2)
    found = await desk.rows(checked["id"], firm.headers)
    outcomes = [(row["row_number"], row["outcome"], row["entity_id"]) for row in found]
    assert outcomes == [
        (2, "created", None),
        (3, "updated", mine["id"]),
        (4, "unchanged", same["id"]),
        (5, "conflict", None),
        (6, "invalid", None),
        (7, "invalid", None),
    ]
    faults = {row["row_number"]: [(f["field"], f["code"]) for f in row["faults"]] for row in found}
    assert faults[5] == [("plate_number", "plate-registered")]
    assert set(faults[6]) == {("payload_kg", "int_parsing"), ("vehicle_type", "standard")}
    assert faults[7] == [("plate_number", "standard")]
    assert all(" / " in fault["message"] for row in found for fault in row["faults"])
    for row in found:
        assert not any(word in str(row) for word in (str(other.id), other.uscc, taken["id"]))
    some = await desk.rows(checked["id"], firm.headers, outcome=["conflict", "updated"])
    assert [row["row_number"] for row in some] == [3, 5]


async def test_rows_come_in_pages_and_as_a_report(desk: files.Desk, firm: make.Firm) -> None:
    rows = [files.vehicle_row(payload_kg=0 if n % 10 == 0 else 900) for n in range(250)]
    checked = await desk.check(files.csv_of(rows), firm.headers)
    assert [row["row_number"] for row in await desk.rows(checked["id"], firm.headers)] == [*range(2, 252)]
    path = f"/v1/imports/{checked['id']}/report"
    answer = await desk.api.get(path, headers=firm.headers)
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 251
    bad = [line.split(",") for line in lines if ",invalid," in line]
    assert [int(line[0]) for line in bad] == list(range(2, 252, 10))
    assert {line[3] for line in bad} == {"payload_kg"}
    gb = await desk.api.get(path, params={"encoding": "gb18030"}, headers=firm.headers)
    assert gb.content.decode("gb18030").splitlines()[1:] == lines[1:]


async def test_refused_rows_refuse_the_file_unless_left_out(desk: files.Desk, firm: make.Firm) -> None:
    rows = [files.vehicle_row(), files.vehicle_row(payload_kg="x"), files.vehicle_row()]
    checked = await desk.check(files.csv_of(rows), firm.headers)
    path = f"/v1/imports/{checked['id']}/application"
    refused = await desk.api.post(path, json={}, headers=firm.headers)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "rows-refused")
    assert [item["field"] for item in refused.json()["errors"]] == ["rows.3.payload_kg"]
    applied = await desk.apply(checked["id"], firm.headers, skip_refused=True)
    assert applied["totals"] == totals(created=2, invalid=1)
    assert len(await vehicles_of(desk.api, firm)) == 2


async def test_an_application_said_twice_is_one(desk: files.Desk, firm: make.Firm) -> None:
    checked = await desk.check(files.csv_of([files.vehicle_row()]), firm.headers)
    path = f"/v1/imports/{checked['id']}/application"
    first, second = [await desk.api.post(path, json={}, headers=firm.headers) for _ in range(2)]
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    applied = await desk.work(checked["id"], firm.headers)
    await desk.work(checked["id"], firm.headers)
    third = await desk.api.post(path, json={}, headers=firm.headers)
    assert (third.status_code, third.json()) == (202, applied)
    (vehicle,) = await vehicles_of(desk.api, firm)
    assert vehicle["version"] == 1


async def test_what_became_a_conflict_meanwhile_applies_nothing(desk: files.Desk, firm: make.Firm) -> None:
    other = await make.admit_firm(desk.api)
    rows = [files.vehicle_row() for _ in range(3)]
    checked = await desk.check(files.csv_of(rows), firm.headers)
    assert checked["totals"] == totals(created=3)
    await make.register(desk.api, other, plate_number=rows[1]["plate_number"])
    halted = await desk.apply(checked["id"], firm.headers)
    assert (halted["status"], halted["reason"]["code"]) == ("checked", "rows-refused")
    assert halted["totals"] == totals(created=2, conflict=1)
    assert await vehicles_of(desk.api, firm) == []
    (row,) = await desk.rows(checked["id"], firm.headers, outcome="conflict")
    assert (row["row_number"], row["faults"][0]["code"]) == (3, "plate-registered")
    again = await desk.api.post(f"/v1/imports/{checked['id']}/application", json={}, headers=firm.headers)
    assert [item["field"] for item in again.json()["errors"]] == ["rows.3.plate_number"]
    applied = await desk.apply(checked["id"], firm.headers, skip_refused=True)
    assert (applied["status"], applied["totals"]) == ("applied", totals(created=2, conflict=1))
    assert applied["reason"] is None


async def test_an_update_keeps_what_the_file_has_no_column_for(desk: files.Desk, firm: make.Firm) -> None:
    present = await make.register(desk.api, firm, volume_m3=14.5, refrigeration="insulated")
    columns = ["plate_number", "plate_color", "powertrain", "payload_kg", "volume_m3"]
    row = {**present, "payload_kg": 1000, "volume_m3": ""}
    checked = await desk.check(files.csv_of([row], columns), firm.headers)
    await desk.apply(checked["id"], firm.headers)
    (changed,) = await vehicles_of(desk.api, firm)
    expected = {"payload_kg": 1000, "volume_m3": None, "version": 2}
    assert changed == {**present, **expected, "updated_at": changed["updated_at"]}
    # 4,600 kg of load are more than the total of 4,495 kg on record, which the file does not mention.
    bad = await desk.check(files.csv_of([{**row, "payload_kg": 4600}], columns), firm.headers)
    (found,) = await desk.rows(bad["id"], firm.headers)
    assert (found["outcome"], found["faults"][0]["field"]) == ("invalid", "gross_mass_kg")


async def test_rows_about_the_same_vehicle_are_one_too_many(desk: files.Desk, firm: make.Firm) -> None:
    plate = make.plate()
    spans = [
        ("2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z"),
        ("2025-06-01T08:00:00+08:00", "2025-09-01T00:00:00Z"),
        ("2025-08-31T23:59:59Z", None),
        (None, None),
    ]
    rows = [
        {**files.vehicle_row(plate_number=plate), "valid_from": start or "", "valid_to": end or ""}
        for start, end in spans
    ]
    checked = await desk.check(files.csv_of(rows, [*files.VEHICLE, "valid_from", "valid_to"]), firm.headers)
    found = await desk.rows(checked["id"], firm.headers)
    assert [row["outcome"] for row in found] == ["created", "created", "invalid", "created"]
    assert found[2]["faults"][0]["message"].startswith("与第 3 行重复")
    await desk.apply(checked["id"], firm.headers, skip_refused=True)
    assert len(await vehicles_of(desk.api, firm)) == 3


@pytest.mark.parametrize(
    ("values", "outcome", "code"),
    [
        ({"valid_from": "2025-01-01T00:00:00Z"}, "unchanged", None),
        ({"valid_from": "2025-01-01 08:00"}, "unchanged", None),
        ({"valid_from": "2025-02-01T00:00:00Z"}, "conflict", "interval_differs"),
        ({"valid_from": "2024-02-01T00:00:00Z"}, "conflict", "interval_differs"),
        ({"valid_to": "2099-01-01T00:00:00Z"}, "conflict", "interval_differs"),
        ({"valid_to": "2020-01-01T00:00:00Z"}, "invalid", "interval"),
        ({"valid_from": "2026-03-01T00:00:00Z", "valid_to": "2026-02-01T00:00:00Z"}, "invalid", "standard"),
        ({"valid_from": "2024-01-01T00:00:00Z", "valid_to": "2025-01-01T00:00:00Z"}, "created", None),
    ],
)
async def test_intervals_are_compared_and_never_moved(
    desk: files.Desk, firm: make.Firm, values: Json, outcome: str, code: str | None
) -> None:
    present = await make.register(desk.api, firm, valid_from="2025-01-01T00:00:00Z")
    row = {**present, "valid_from": "", "valid_to": "", **values}
    checked = await desk.check(files.csv_of([row], [*files.VEHICLE, "valid_from", "valid_to"]), firm.headers)
    (found,) = await desk.rows(checked["id"], firm.headers)
    assert found["outcome"] == outcome
    assert [fault["code"] for fault in found["faults"]] == ([code] if code else [])


async def test_an_ended_registration_is_not_changed(desk: files.Desk, firm: make.Firm) -> None:
    present = await make.register(desk.api, firm, valid_from="2025-01-01T00:00:00Z")
    path = f"/v1/vehicles/{present['id']}/deregistration"
    ended = (await desk.api.post(path, json={"reason": "报废"}, headers=firm.headers)).json()
    columns = [*files.VEHICLE, "valid_from", "valid_to"]
    same = await desk.check(files.csv_of([ended], columns), firm.headers)
    assert same["totals"] == totals(unchanged=1)
    other = await desk.check(files.csv_of([{**ended, "payload_kg": 1}], columns), firm.headers)
    (row,) = await desk.rows(other["id"], firm.headers)
    assert (row["outcome"], row["faults"][0]["code"]) == ("conflict", "vehicle-ended")


async def test_a_firm_imports_for_itself_alone(desk: files.Desk, firm: make.Firm) -> None:
    other = await make.admit_firm(desk.api)
    columns = ["enterprise_uscc", *files.VEHICLE]
    owners = [firm.uscc, "", other.uscc, make.uscc(), "91"]
    rows = [{**files.vehicle_row(), "enterprise_uscc": owner} for owner in owners]
    checked = await desk.check(files.csv_of(rows, columns), firm.headers)
    found = await desk.rows(checked["id"], firm.headers)
    assert [row["outcome"] for row in found] == ["created", "created", "invalid", "invalid", "invalid"]
    # Another's code, one of nobody and one that is none: the answers cannot be told apart.
    assert found[2]["faults"] == found[3]["faults"] == found[4]["faults"]


async def test_an_office_imports_for_the_firms_it_names(desk: files.Desk, firm: make.Firm) -> None:
    office = make.office_client(Role.transport_bureau)
    suspended = await make.admit_firm(desk.api)
    path = f"/v1/enterprises/{suspended.id}/suspension"
    await desk.api.post(path, json={"reason": "x"}, headers=make.official())
    columns = ["enterprise_uscc", *files.VEHICLE]
    owners = [firm.uscc, "", suspended.uscc, make.uscc()]
    rows = [{**files.vehicle_row(), "enterprise_uscc": owner} for owner in owners]
    checked = await desk.check(files.csv_of(rows, columns), office)
    assert checked["enterprise_id"] is None
    found = await desk.rows(checked["id"], office)
    assert [(row["outcome"], [f["code"] for f in row["faults"]]) for row in found] == [
        ("created", []),
        ("invalid", ["missing"]),
        ("conflict", ["enterprise-suspended"]),
        ("invalid", ["enterprise_unknown"]),
    ]
    await desk.apply(checked["id"], office, skip_refused=True)
    assert len(await vehicles_of(desk.api, firm)) == 1
    assert (await desk.api.get(f"/v1/imports/{checked['id']}", headers=firm.headers)).status_code == 404


async def test_a_suspended_firm_imports_nothing(desk: files.Desk, firm: make.Firm) -> None:
    checked = await desk.check(files.csv_of([files.vehicle_row()]), firm.headers)
    waiting = await desk.hand_in(files.csv_of([files.vehicle_row()]), firm.headers)
    ready = await desk.check(files.csv_of([files.vehicle_row()]), firm.headers)
    path = f"/v1/imports/{ready['id']}/application"
    assert (await desk.api.post(path, json={}, headers=firm.headers)).status_code == 202
    suspension = f"/v1/enterprises/{firm.id}/suspension"
    await desk.api.post(suspension, json={"reason": "x"}, headers=make.official())
    assert (await desk.work(waiting["id"], firm.headers))["totals"] == totals(conflict=1)
    assert (await desk.work(ready["id"], firm.headers))["totals"] == totals(conflict=1)
    calls = [
        ("/v1/imports?entity=vehicles", b"x", files.CSV),
        (f"/v1/imports/{checked['id']}/application", b"{}", "application/json"),
    ]
    for path, body, kind in calls:
        answer = await desk.api.post(path, content=body, headers={**firm.headers, "Content-Type": kind})
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "enterprise-suspended")
    assert await vehicles_of(desk.api, firm) == []


async def test_an_offices_file_writes_nothing_for_a_firm_whose_licence_has_run_out(
    desk: files.Desk, firm: make.Firm
) -> None:
    licence = {
        "holder_kind": "enterprise",
        "holder_id": str(firm.id),
        "kind": "road_transport_permit",
        "valid_to": "2025-01-01",
        "document_ids": [],
    }
    answer = await desk.api.post("/v1/certificates", json=licence, headers=make.official())
    assert answer.status_code == 201, answer.text
    for entity in ("vehicles", "drivers"):
        (row,), columns = _ONE[entity]
        content = files.csv_of([{**row, "enterprise_uscc": firm.uscc}], (*columns, "enterprise_uscc"))
        checked = await desk.check(content, make.official(), entity=entity)
        assert checked["totals"] == totals(conflict=1), await desk.rows(checked["id"], make.official())


@pytest.mark.parametrize("entity", ["vehicles", "drivers", "facilities"])
async def test_a_decision_about_a_firm_waits_for_no_file_of_it(
    desk: files.Desk, firm: make.Firm, monkeypatch: pytest.MonkeyPatch, entity: str
) -> None:
    checked = await desk.check(files.csv_of(*_ONE[entity]), firm.headers, entity=entity)
    assert checked["totals"] == totals(created=1), await desk.rows(checked["id"], firm.headers)
    answers: list[int] = []

    async def suspend(*given: Any, **values: Any) -> None:
        """Suspend the firm once its rows are written and before the file is done."""
        if not answers:
            path = f"/v1/enterprises/{firm.id}/suspension"
            decision = desk.api.post(path, json={"reason": "x"}, headers=make.official())
            answers.append((await asyncio.wait_for(decision, 1)).status_code)
        await outcomes.note(*given, **values)

    monkeypatch.setattr(applying, "note", suspend)
    left = await desk.apply(checked["id"], firm.headers)
    assert answers == [200]
    assert (left["status"], left["reason"]["code"]) == ("checked", "rows-refused")
    assert left["totals"]["created"] == 0
    found = (await desk.api.get(f"/v1/{entity}?enterprise_id={firm.id}", headers=make.official())).json()
    assert found.get("items", found.get("features")) == []


async def test_who_may_import_what(desk: files.Desk, firm: make.Firm) -> None:
    content = b"uscc,name,kind\n"
    calls = [
        ("vehicles", make.official(Role.police), 403),
        ("vehicles", make.official(Role.commerce_bureau), 403),
        ("drivers", make.official(Role.postal_bureau), 403),
        ("enterprises", make.official(Role.postal_bureau), 403),
        ("enterprises", firm.headers, 403),
        ("enterprises", make.office_client(Role.transport_bureau), 403),
        ("enterprises", make.official(), 201),
        ("drones", firm.headers, 422),
    ]
    for entity, headers, status in calls:
        answer = await desk.api.post(
            "/v1/imports",
            params={"entity": entity},
            content=content,
            headers={**headers, "Content-Type": files.CSV},
        )
        assert answer.status_code == status, (entity, answer.text)


async def test_an_import_is_its_partys_own(desk: files.Desk, firm: make.Firm) -> None:
    """Offices see a firm's; applied or withdrawn it is by whom it was handed in."""
    mine = await desk.check(files.csv_of([files.vehicle_row()]), firm.headers)
    columns = ["enterprise_uscc", *files.VEHICLE]
    row = {**files.vehicle_row(), "enterprise_uscc": firm.uscc}
    offices = await desk.check(files.csv_of([row], columns), make.official())
    other = make.official(Role.postal_bureau)
    for found, who in ((mine, make.official()), (mine, other), (offices, other)):
        path = f"/v1/imports/{found['id']}"
        assert (await desk.api.get(path, headers=who)).status_code == 200
        for step, body in (("application", {}), ("withdrawal", None)):
            answer = await desk.api.post(f"{path}/{step}", json=body, headers=who)
            assert answer.status_code == 403, (step, answer.text)
    assert (await desk.apply(offices["id"], make.official()))["status"] == "applied", "a colleague may"


async def test_a_withdrawn_file_is_gone(desk: files.Desk, firm: make.Firm, superuser: Any) -> None:
    checked = await desk.check(files.csv_of([files.vehicle_row()]), firm.headers)
    path = f"/v1/imports/{checked['id']}"
    gone = await desk.api.post(f"{path}/withdrawal", headers=firm.headers)
    assert (gone.status_code, gone.json()["status"]) == (200, "withdrawn")
    assert (await desk.api.post(f"{path}/withdrawal", headers=firm.headers)).json() == gone.json()
    refused = await desk.api.post(f"{path}/application", json={}, headers=firm.headers)
    assert refused.json()["type"].endswith("import-not-ready")
    assert await _kept(superuser, checked["id"]) == (0, 0)


async def test_an_import_waits_for_nobody_but_its_status(desk: files.Desk, firm: make.Firm) -> None:
    waiting = await desk.hand_in(files.csv_of([files.vehicle_row()]), firm.headers)
    for step, body in (("application", {}), ("withdrawal", None)):
        answer = await desk.api.post(f"/v1/imports/{waiting['id']}/{step}", json=body, headers=firm.headers)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "import-not-ready")


async def test_so_many_files_may_be_open(desk: files.Desk, firm: make.Firm) -> None:
    content = files.csv_of([files.vehicle_row()])
    first = await desk.check(content, firm.headers)
    for _ in range(9):
        await desk.hand_in(content, firm.headers)
    headers = {**firm.headers, "Content-Type": files.CSV}
    answer = await desk.api.post("/v1/imports?entity=vehicles", content=content, headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "too-many-imports")
    await desk.api.post(f"/v1/imports/{first['id']}/withdrawal", headers=firm.headers)
    await desk.hand_in(content, firm.headers)
    listed = await desk.api.get("/v1/imports?limit=200", headers=firm.headers)
    assert len(listed.json()["items"]) == 11
    only = await desk.api.get("/v1/imports?status=withdrawn", headers=firm.headers)
    assert [item["id"] for item in only.json()["items"]] == [first["id"]]


async def test_the_same_request_twice_is_one_import(desk: files.Desk, firm: make.Firm) -> None:
    headers = {**firm.headers, "Content-Type": files.CSV, "Idempotency-Key": str(uuid4())}
    content = files.csv_of([files.vehicle_row()])
    answers = [
        await desk.api.post("/v1/imports?entity=vehicles", content=content, headers=headers) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    other = await desk.api.post("/v1/imports?entity=vehicles", content=content + b" ", headers=headers)
    assert other.status_code == 422


async def _kept(superuser: Any, import_id: str) -> tuple[int, int]:
    pieces, keys = [
        await superuser.fetchval(f"SELECT count(*) FROM registry.{table} WHERE {column} = $1", import_id)  # noqa: S608 - names of our own
        for table, column in (("import_pieces", "import_id"), ("personal_subjects", "id"))
    ]
    return pieces, keys


async def test_a_file_is_kept_sealed_and_no_longer_than_needed(
    desk: files.Desk, firm: make.Firm, superuser: Any
) -> None:
    rows = [files.vehicle_row() for _ in range(3)]
    checked = await desk.check(files.csv_of(rows), firm.headers)
    boxes = await superuser.fetch(
        "SELECT kind, box FROM registry.import_pieces WHERE import_id = $1", checked["id"]
    )
    assert [box["kind"] for box in boxes] == ["rows"], "the file itself goes once it is read"
    assert not any(row["plate_number"].encode() in box["box"] for row in rows for box in boxes)
    await desk.apply(checked["id"], firm.headers)
    assert await _kept(superuser, checked["id"]) == (0, 0)
    assert len(await desk.rows(checked["id"], firm.headers)) == 3


async def test_a_piece_in_anothers_place_is_noticed(
    desk: files.Desk, firm: make.Firm, superuser: Any
) -> None:
    content = files.csv_of([files.vehicle_row() for _ in range(20_000)])
    assert len(content) > 2**20
    waiting = await desk.hand_in(content, firm.headers)
    await superuser.execute(
        "UPDATE registry.import_pieces SET ordinal = 1 - ordinal + 10 WHERE import_id = $1", waiting["id"]
    )
    failed = await desk.work(waiting["id"], firm.headers)
    assert (failed["status"], failed["reason"]["code"]) == ("failed", "import-damaged")
    assert await _kept(superuser, waiting["id"]) == (0, 0)
