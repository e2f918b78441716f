"""What a file publishes is, byte for byte, what the API publishes for the same."""

import json
from typing import Any

import httpx
import pytest

from services.shared.changes import canonical_bytes
from tests.factories import imports as files
from tests.factories import registry as make

Json = dict[str, Any]
OWN = ("id", "plate_number")
"""What differs between two vehicles otherwise alike."""
SINCE = "2025-01-01T00:00:00Z"
COLUMNS = (*files.VEHICLE, *(
    "vin", "emission_stage", "use_character", "registered_on", "licence_issued_on", "licence_issuer",
    "entry_reason", "entry_on", "inspection_valid_to", "insurance_valid_to",
    "road_transport_certificate_number", "road_transport_certificate_valid_to", "valid_from",
))  # fmt: skip
PAPERS: Json = {
    "vin": "LSVAA4182E2123457",
    "emission_stage": 6,
    "use_character": "freight",
    "registered_on": "2024-05-01",
    "licence_issued_on": "2024-05-02",
    "licence_issuer": "盘锦市公安局交通警察支队",
    "entry_reason": "new",
    "entry_on": "2025-01-01",
    "inspection_valid_to": "2025-06-30",
    "insurance_valid_to": "2099-01-01",
    "road_transport_certificate_number": "211103000123",
    "road_transport_certificate_valid_to": "2098-12-31",
    "gross_mass_kg": 7490,
}


async def outbox(superuser: Any, entity_id: str) -> list[Any]:
    rows = await superuser.fetch(
        "SELECT kind, version, schema_version, deleted, state FROM registry.outbox"
        " WHERE id = $1 ORDER BY seq",
        entity_id,
    )
    return list(rows)


def apart(row: Any, names: tuple[str, ...] = OWN) -> tuple[Any, ...]:
    state = json.loads(row["state"])
    assert canonical_bytes(state) == row["state"], "canonical as it stands"
    alike = {name: value for name, value in state.items() if name not in names}
    return row["kind"], row["version"], row["schema_version"], row["deleted"], alike


async def vehicle(api: httpx.AsyncClient, firm: make.Firm, plate: str) -> Json:
    params = {"plate_number": plate}
    (found,) = (await api.get("/v1/vehicles", params=params, headers=firm.headers)).json()["items"]
    assert isinstance(found, dict)
    return found


async def both_states(superuser: Any, vehicles: list[Json]) -> list[list[Any]]:
    return [[apart(row) for row in await outbox(superuser, each["id"])] for each in vehicles]


async def papers_of(desk: files.Desk, firm: make.Firm, vehicle_id: str) -> list[Json]:
    params = {"holder_id": vehicle_id}
    answer = await desk.api.get("/v1/certificates", params=params, headers=firm.headers)
    own = {"id", "holder_id", "recorded_at", "withdrawn_at"}
    return [{name: v for name, v in each.items() if name not in own} for each in answer.json()["items"]]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"volume_m3": 14.0, "height_m": 3, "length_m": 5.995, "refrigeration": "refrigerated"},
        {"energy_code": None, "vehicle_type": None, "curb_mass_kg": None, "gross_mass_kg": None},
        {"plate_color": 1, "powertrain": "ICE", "energy_code": "B", "volume_m3": 0.1},
        PAPERS,
        {**PAPERS, "inspection_valid_to": None, "insurance_valid_to": "2025-01-31", "gross_mass_kg": 4495},
    ],
)
async def test_a_vehicle_by_file_is_a_vehicle_by_the_api(
    desk: files.Desk, firm: make.Firm, superuser: Any, values: Json
) -> None:
    by_api = await make.register(desk.api, firm, **values, valid_from=SINCE)
    row = {**files.vehicle_row(**values), "valid_from": SINCE}
    checked = await desk.check(files.csv_of([row], COLUMNS), firm.headers)
    await desk.apply(checked["id"], firm.headers)
    pair = [by_api, await vehicle(desk.api, firm, row["plate_number"])]
    first, second = await both_states(superuser, pair)
    assert (first, len(first)) == (second, 1)
    for subject in pair:
        for group in ("technical", "insurance", "use"):
            body = {"subject_kind": "vehicle", "subject_id": subject["id"], "field_group": group}
            body |= {"level": "document_checked", "source": "x"}
            answer = await desk.api.post("/v1/verifications", json=body, headers=make.official())
            assert answer.status_code == 201, answer.text
    # A renewal, a correction, a change of the technical group; use stays verified.
    changed = {**values, "insurance_valid_to": "2099-06-30", "inspection_valid_to": "2025-05-31"}
    changed = {"powertrain": "BEV", "refrigeration": "none", **changed, "payload_kg": 777, "height_m": 2.0}
    changed["energy_code"] = None
    changed.pop("plate_color", None)
    answer = await desk.api.put(f"/v1/vehicles/{by_api['id']}", json=changed, headers=firm.headers)
    assert answer.status_code == 200, answer.text
    whole = {"plate_number": row["plate_number"], "plate_color": row["plate_color"], "valid_from": SINCE}
    checked = await desk.check(files.csv_of([{**whole, **changed}], COLUMNS), firm.headers)
    assert checked["totals"]["updated"] == 1, await desk.rows(checked["id"], firm.headers)
    await desk.apply(checked["id"], firm.headers)
    first, second = await both_states(superuser, pair)
    assert first == second
    assert first[-1][4]["verified"] == {"use": "document_checked"}
    rows = [await vehicle(desk.api, firm, each["plate_number"]) for each in pair]
    times = (*OWN, "created_at", "updated_at")
    alike = [{name: value for name, value in each.items() if name not in times} for each in rows]
    assert alike[0] == alike[1]
    papers = [await papers_of(desk, firm, each["id"]) for each in pair]
    assert sorted(map(str, papers[0])) == sorted(map(str, papers[1]))
    ended = [
        await superuser.fetch(
            "SELECT field_group, end_cause FROM registry.verifications WHERE subject_id = $1 ORDER BY 1",
            each["id"],
        )
        for each in pair
    ]
    assert [tuple(each) for each in ended[0]] == [tuple(each) for each in ended[1]]


async def test_an_enterprise_by_file_is_one_by_application(
    desk: files.Desk, firm: make.Firm, superuser: Any
) -> None:
    official, code = make.official(), make.uscc()
    row = {"uscc": code, "name": "盘锦某某物流有限公司", "kind": "carrier"}
    checked = await desk.check(files.csv_of([row], [*row]), official, entity="enterprises")
    assert checked["totals"]["created"] == 1
    await desk.apply(checked["id"], official)
    (found,) = [each for each in await _enterprises(desk.api, official) if each["uscc"] == code]
    own = ("id", "uscc", "name", "standings")
    by_api, by_file = await outbox(superuser, str(firm.id)), await outbox(superuser, found["id"])
    assert [apart(each, own) for each in by_api] == [apart(each, own) for each in by_file]
    standings = [json.loads(each["state"])["standings"] for each in (*by_api, *by_file)]
    assert [[(s["status"], s["causes"]) for s in each] for each in standings] == [[("active", [])]] * 2
    decisions = await desk.api.get(f"/v1/enterprises/{found['id']}/standings", headers=official)
    (decision,) = decisions.json()["items"]
    assert (decision["status"], decision["effective_at"]) == ("active", found["standing_since"])
    names = await superuser.fetchval(
        "SELECT decided_by_name FROM registry.enterprise_standings WHERE id = $1", decision["id"]
    )
    assert names == "李工", "an admission is a named person's decision"


async def _enterprises(api: httpx.AsyncClient, headers: Json) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while True:
        params = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = (await api.get("/v1/enterprises", params=params, headers=headers)).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_enterprises_are_corrected_and_kept_by_their_code(
    desk: files.Desk, firm: make.Firm, superuser: Any
) -> None:
    official = make.official()
    closed = await make.admit_firm(desk.api)
    await desk.api.post(f"/v1/enterprises/{closed.id}/closure", json={"reason": "x"}, headers=official)
    present = (await desk.api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()
    rows = [
        {"uscc": firm.uscc, "name": "新名称", "kind": "express"},
        {"uscc": closed.uscc, "name": "再次准入", "kind": "城市配送企业"},
        {"uscc": firm.uscc.lower(), "name": "又一次", "kind": "carrier"},
        {"uscc": "91211100000000000X", "name": "校验码不对", "kind": "carrier"},
        {"uscc": make.uscc(), "name": "类型不对", "kind": "airline"},
        {"uscc": make.uscc(), "name": "=1+1", "kind": "carrier"},
    ]
    checked = await desk.check(files.csv_of(rows, [*rows[0]]), official, entity="enterprises")
    found = await desk.rows(checked["id"], official)
    assert [row["outcome"] for row in found] == ["updated", "created"] + ["invalid"] * 4
    assert [row["faults"][0]["field"] for row in found[2:]] == ["row", "uscc", "kind", "name"]
    await desk.apply(checked["id"], official, skip_refused=True)
    changed = (await desk.api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()
    expected = {"name": "新名称", "kind": "express", "version": 2, "updated_at": changed["updated_at"]}
    assert changed == {**present, **expected}
    states = [json.loads(row["state"]) for row in await outbox(superuser, str(firm.id))]
    assert states[1] == {**states[0], "name": "新名称", "kind": "express"}
    # An export names both firms of one code; the closed one is neither changed nor admitted again.
    (old, new) = [each for each in await _enterprises(desk.api, official) if each["uscc"] == closed.uscc]
    columns = ["id", *rows[0]]
    named = [
        old,
        new,
        {**old, "name": "x"},
        {**new, "id": ""},
        {**old, "id": str(firm.id)},
        {**new, "id": "7"},
    ]
    checked = await desk.check(files.csv_of(named, columns), official, entity="enterprises")
    found = await desk.rows(checked["id"], official)
    assert [(row["outcome"], [f["code"] for f in row["faults"]]) for row in found] == [
        ("unchanged", []),
        ("unchanged", []),
        ("invalid", ["row_double"]),
        ("invalid", ["row_double"]),
        ("invalid", ["enterprise_unknown"]),
        ("invalid", ["enterprise_unknown"]),
    ]
    checked = await desk.check(files.csv_of([{**old, "name": "x"}], columns), official, entity="enterprises")
    (row,) = await desk.rows(checked["id"], official)
    assert (row["outcome"], row["faults"][0]["code"]) == ("conflict", "enterprise_closed")
    again = await desk.check(files.csv_of(rows[:2], [*rows[0]]), official, entity="enterprises")
    assert again["totals"]["unchanged"] == 2
