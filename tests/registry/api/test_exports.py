"""Files out: one's own rows, harmless in a spreadsheet, and taken back as they are."""

import csv
import io
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from services.registry.schemas.vehicles import VehicleUpdate
from services.shared.auth import Role
from tests.factories import imports as files
from tests.factories import registry as make

Json = dict[str, Any]


async def exported(api: httpx.AsyncClient, headers: Json, **query: Any) -> httpx.Response:
    answer = await api.get("/v1/exports", params={"entity": "vehicles", **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def rows_of(answer: httpx.Response, encoding: str = "utf-8-sig") -> list[Json]:
    reader = csv.DictReader(io.StringIO(answer.content.decode(encoding), newline=""))
    return [{name.rpartition(" ")[2]: value for name, value in row.items()} for row in reader]


@pytest.mark.parametrize(
    ("query", "media"),
    [
        ({}, files.CSV),
        ({"encoding": "gb18030"}, files.CSV),
        ({"format": "xlsx"}, files.XLSX),
    ],
)
async def test_what_comes_out_goes_in_unchanged(
    desk: files.Desk, firm: make.Firm, query: Json, media: str
) -> None:
    await make.register(desk.api, firm, volume_m3=14.25, height_m=3.0)
    await make.register(desk.api, firm, energy_code=None, curb_mass_kg=None, volume_m3=None)
    past = await make.register(desk.api, firm, valid_from="2025-01-01T00:00:00.123Z")
    path = f"/v1/vehicles/{past['id']}/deregistration"
    await desk.api.post(path, json={"reason": "=1+1"}, headers=firm.headers)
    await make.register(desk.api, firm, plate_number=past["plate_number"])
    answer = await exported(desk.api, firm.headers, **query)
    assert answer.headers["content-type"].startswith(media)
    assert answer.headers["content-disposition"].startswith("attachment")
    checked = await desk.check(answer.content, firm.headers, media_type=media)
    assert checked["totals"]["unchanged"] == checked["rows_total"] == 4, await desk.rows(
        checked["id"], firm.headers
    )


@pytest.mark.parametrize("number", ["辽交运管许可盘字 211103000123 号", " 鲁 №1 ", "7" * 64])
async def test_a_certificates_number_is_the_same_by_every_way(
    desk: files.Desk, firm: make.Firm, number: str
) -> None:
    vehicle = await make.register(desk.api, firm, gross_mass_kg=12_000)
    certificate = {
        "holder_kind": "vehicle",
        "holder_id": vehicle["id"],
        "kind": "road_transport_certificate",
        "number": number,
        "valid_to": "2099-12-31",
        "document_ids": [],
    }
    recorded = await desk.api.post("/v1/certificates", json=certificate, headers=firm.headers)
    assert (recorded.status_code, recorded.json()["number"]) == (201, number.strip()), recorded.text
    path = f"/v1/vehicles/{vehicle['id']}"
    read = (await desk.api.get(path, headers=firm.headers)).json()
    assert read["road_transport_certificate_number"] == number.strip()
    same = {name: read[name] for name in VehicleUpdate.model_fields}
    answer = await desk.api.put(path, json=same, headers=firm.headers)
    assert answer.status_code == 200, answer.text
    content = (await exported(desk.api, firm.headers)).content
    checked = await desk.check(content, firm.headers)
    assert checked["totals"]["unchanged"] == 1, await desk.rows(checked["id"], firm.headers)
    certificate["number"] = number.strip().ljust(65, "0")
    refused = await desk.api.post("/v1/certificates", json=certificate, headers=firm.headers)
    assert refused.json()["errors"][0]["field"] == "body.number"


async def test_an_offices_export_of_all_goes_in_unchanged(desk: files.Desk, firm: make.Firm) -> None:
    office = make.official()
    vehicle = await make.register(desk.api, firm, valid_from="2025-01-01T00:00:00Z")
    other = await make.admit_firm(desk.api)
    body = {"enterprise_id": str(other.id), "at": "2025-06-01T00:00:00Z", "reason": "过户"}
    moved = await desk.api.post(f"/v1/vehicles/{vehicle['id']}/transfer", json=body, headers=office)
    assert moved.status_code == 201
    answer = await exported(desk.api, office, plate_number=vehicle["plate_number"])
    assert [row["enterprise_uscc"] for row in rows_of(answer)] == [firm.uscc, other.uscc]
    assert rows_of(answer)[1]["predecessor_id"] == vehicle["id"]
    checked = await desk.check(answer.content, office)
    assert checked["totals"]["unchanged"] == 2, await desk.rows(checked["id"], office)
    firms = await desk.api.get("/v1/exports?entity=enterprises&status=active", headers=office)
    checked = await desk.check(firms.content, office, entity="enterprises")
    assert checked["totals"]["unchanged"] == checked["rows_total"] > 2


async def test_a_firm_gets_its_own(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    mine, foreign = await make.register(api, firm), await make.register(api, other)
    for query in ({}, {"enterprise_id": str(other.id)}, {"plate_number": foreign["plate_number"]}):
        answer = await exported(api, firm.headers, **query)
        assert {row["id"] for row in rows_of(answer)} <= {mine["id"]}
        assert other.uscc not in answer.text
    firms = await api.get("/v1/exports?entity=enterprises", headers=firm.headers)
    assert [row["uscc"] for row in rows_of(firms)] == [firm.uscc]
    assert (await api.get("/v1/exports?entity=vehicles")).status_code == 401
    police = await api.get("/v1/exports?entity=vehicles", headers=make.official(Role.police))
    assert police.status_code == 403


async def test_filters_are_those_of_the_list(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm, valid_from="2025-01-01T00:00:00Z")
    await make.register(api, firm, plate_color=1)
    for query, count in (
        ({"plate_number": vehicle["plate_number"]}, 1),
        ({"plate_color": 1}, 1),
        ({"at": "2025-02-01T00:00:00Z"}, 1),
        ({"at": "2024-02-01T00:00:00Z"}, 0),
        ({}, 2),
    ):
        assert len(rows_of(await exported(api, firm.headers, **query))) == count


@pytest.mark.parametrize(
    "query",
    [
        "entity=vehicles&status=active",
        "entity=enterprises&plate_color=1",
        "entity=vehicles&format=pdf",
        "entity=vehicles&encoding=big5",
        "entity=vehicles&x=1",
        "entity=x",
        "",
    ],
)
async def test_what_is_no_export_is_refused(api: httpx.AsyncClient, firm: make.Firm, query: str) -> None:
    assert (await api.get(f"/v1/exports?{query}", headers=firm.headers)).status_code == 422


INJECTIONS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", "'=1", "=cmd|'/C calc'!A0", 'a,"b"\n=c']


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_no_cell_of_an_export_is_run(desk: files.Desk, kind: str) -> None:
    for name in INJECTIONS:
        body = {"name": name, "uscc": make.uscc(), "kind": "carrier"}
        made = (await desk.api.post("/v1/enterprise-applications", json=body)).json()
        path = f"/v1/enterprise-applications/{made['id']}/approval"
        assert (await desk.api.post(path, json={}, headers=make.official())).status_code == 200
    query = {"entity": "enterprises", "format": kind}
    content = (await desk.api.get("/v1/exports", params=query, headers=make.official())).content
    media = files.CSV if kind == "csv" else files.XLSX
    if kind == "csv":
        cells = [
            cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) for cell in row
        ]
    else:
        sheet: Any = load_workbook(io.BytesIO(content)).active
        assert not [cell for row in sheet.rows for cell in row if cell.data_type == "f"]
        cells = [str(cell.value) for row in sheet.rows for cell in row if cell.value is not None]
    assert not [cell for cell in cells if cell and cell[0] in "=+-@\t\r＝＋－＠"]
    assert "'=cmd|'/C calc'!A0" in cells
    checked = await desk.check(content, make.official(), entity="enterprises", media_type=media)
    assert checked["totals"]["unchanged"] == checked["rows_total"], checked


async def test_a_large_export_comes_whole(api: httpx.AsyncClient, firm: make.Firm, superuser: Any) -> None:
    await superuser.execute(
        "INSERT INTO registry.vehicles (id, enterprise_id, plate_number, plate_color, valid_from, powertrain,"
        " payload_kg, refrigeration, is_demo, version, created_at, updated_at)"
        " SELECT gen_random_uuid(), $1, '辽B' || lpad(n::text, 5, '0'), 2, now(), 'BEV', n + 1, 'none',"
        " false, 1, now(), now() FROM generate_series(0, 4999) AS n",
        firm.id,
    )
    answer = await exported(api, firm.headers)
    assert {int(row["payload_kg"]) for row in rows_of(answer)} == set(range(1, 5001))
    sheet: Any = load_workbook(
        io.BytesIO((await exported(api, firm.headers, format="xlsx")).content), read_only=True
    ).active
    assert sum(1 for _ in sheet.rows) == 5001


async def test_so_many_exports_run_at_once(
    api: httpx.AsyncClient, firm: make.Firm, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.export_slots, "_each", 0)
    answer = await api.get("/v1/exports?entity=vehicles", headers=firm.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    monkeypatch.setattr(app.state.export_slots, "_each", 1)
    for _ in range(3):
        await exported(api, firm.headers)


async def test_so_many_files_come_in_at_once(
    api: httpx.AsyncClient, firm: make.Firm, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.upload_slots, "_each", 0)
    headers = {**firm.headers, "Content-Type": files.CSV}
    path = "/v1/imports?entity=vehicles"
    answer = await api.post(path, content=files.csv_of([files.vehicle_row()]), headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    monkeypatch.setattr(app.state.upload_slots, "_each", 1)
    for status in (422, 201):
        content = b"" if status == 422 else files.csv_of([files.vehicle_row()])
        assert (await api.post(path, content=content, headers=headers)).status_code == status


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_a_file_says_in_which_encoding_it_is(
    api: httpx.AsyncClient, firm: make.Firm, encoding: str
) -> None:
    query = {"format": "csv", "encoding": encoding}
    for path in ("/v1/exports?entity=vehicles", "/v1/import-templates/vehicles"):
        url = httpx.URL(path).copy_merge_params(query)
        answer = await api.get(url, headers=firm.headers)
        assert answer.headers["content-type"] == f"text/csv; charset={encoding}", path
        assert "号牌号码" in answer.content.decode(encoding)
