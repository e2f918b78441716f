"""What a file publishes is, byte for byte, what the API publishes for the same."""

import json
from typing import Any

import httpx
import pytest

from services.shared.changes import canonical_bytes
from tests.factories import imports as files
from tests.factories import registry as make

Json = dict[str, Any]
OWN = ("id", "plate_number", "valid_from")
"""What differs between two vehicles otherwise alike."""


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


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"volume_m3": 14.0, "height_m": 3, "length_m": 5.995, "refrigeration": "refrigerated"},
        {"energy_code": None, "vehicle_type": None, "curb_mass_kg": None, "gross_mass_kg": None},
        {"plate_color": 1, "powertrain": "ICE", "energy_code": "B", "volume_m3": 0.1},
    ],
)
async def test_a_vehicle_by_file_is_a_vehicle_by_the_api(
    desk: files.Desk, firm: make.Firm, superuser: Any, values: Json
) -> None:
    by_api = await make.register(desk.api, firm, **values)
    row = files.vehicle_row(**values)
    checked = await desk.check(files.csv_of([row]), firm.headers)
    await desk.apply(checked["id"], firm.headers)
    by_file = await vehicle(desk.api, firm, row["plate_number"])
    both = [await outbox(superuser, each["id"]) for each in (by_api, by_file)]
    assert [apart(each) for each in both[0]] == [apart(each) for each in both[1]]
    changed = {"powertrain": "BEV", "payload_kg": 777, "height_m": 2.0}
    await desk.api.put(f"/v1/vehicles/{by_api['id']}", json=changed, headers=firm.headers)
    whole = {**dict.fromkeys(files.VEHICLE, ""), **{k: row[k] for k in ("plate_number", "plate_color")}}
    checked = await desk.check(files.csv_of([{**whole, **changed}]), firm.headers)
    assert checked["totals"]["updated"] == 1, await desk.rows(checked["id"], firm.headers)
    await desk.apply(checked["id"], firm.headers)
    both = [await outbox(superuser, each["id"]) for each in (by_api, by_file)]
    assert len(both[0]) == 2
    assert [apart(each) for each in both[0]] == [apart(each) for each in both[1]]
    rows = [await vehicle(desk.api, firm, each["plate_number"]) for each in (by_api, by_file)]
    times = (*OWN, "created_at", "updated_at")
    alike = [{name: value for name, value in each.items() if name not in times} for each in rows]
    assert alike[0] == alike[1]


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
        {"uscc": closed.uscc, "name": "再次准入", "kind": "货运企业"},
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
