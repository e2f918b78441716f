"""Express tricycles: filed by an official, one person a tricycle, judged by the city's checklist."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.shared.auth import Role
from tests.factories import people
from tests.factories import registry as make

_codes = iter(range(10**6))


def _code() -> str:
    return f"PJ-KD-{uuid4().hex[:8]}-{next(_codes)}"


def _unmet(shown: dict[str, Any]) -> dict[str, list[str]]:
    """Items that are not met, with the codes of their reasons."""
    items = shown["checklist"]["items"]
    for item in items:
        assert item["met"] is (item["reasons"] == [])
        assert all(" / " in reason["message"] for reason in item["reasons"])
    assert shown["checklist"]["met"] is all(item["met"] for item in items)
    return {
        item["code"]: [reason["code"].removeprefix("tricycle.") for reason in item["reasons"]]
        for item in items
        if not item["met"]
    }


async def _post(api: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    answer = await api.post(path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _slug(answer: httpx.Response) -> str:
    found: str = answer.json()["type"].rpartition(":")[2]
    return found


async def test_from_registration_to_a_checklist_that_is_met(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.tricycle(api, firm)
    path = f"/v1/tricycles/{made['id']}"
    assert (made["status"], made["code"], made["checklist"]["version"]) == ("pending", None, "2025-1")
    assert _unmet(made) == {
        "identification": ["livery_photo"],
        "number": ["filing_number"],
        "operator_responsibility": ["responsibility_statement", "rider_active", "rider_trained"],
    }
    code = _code()
    filed = await _post(api, f"{path}/filing", {"code": code}, make.official(Role.postal_bureau))
    assert (filed["status"], filed["code"], filed["filed_by_name"]) == ("filed", code, "李工")
    papers = {
        **people.tricycle_body(frame_number=made["frame_number"]),
        "livery_document_id": await people.document(api, firm),
        "responsibility_document_id": await people.document(api, firm),
    }
    done = await api.put(path, json=papers, headers={**firm.headers, "If-Match": '"2"'})
    assert done.status_code == 200, done.text
    rider = await people.rider(api, firm)
    ridden = await _post(api, f"{path}/rider", {"rider_id": rider["id"]}, firm.headers)
    assert ridden["rider_id"] == rider["id"]
    assert _unmet(ridden) == {}
    assert ridden["checklist"]["met"] is True
    read = await api.get(path, headers=make.official(Role.commerce_bureau))
    assert (read.json(), read.headers["etag"]) == (ridden, '"4"')


async def test_what_runs_out_shows_in_lapses_and_checklist(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.tricycle(
        api,
        firm,
        insurance_valid_to="2025-01-01",
        annual_check_valid_to=None,
        meets_yzt_0136=False,
        tag_id=None,
    )
    assert made["lapses"] == ["insurance"]
    unmet = _unmet(made)
    assert unmet["insurance"] == ["insurance_in_force"]
    assert {"tag", "standard_compliance"} <= set(unmet["identification"])
    assert "annual_check" in unmet["operator_responsibility"]
    await api.post(f"/v1/enterprises/{firm.id}/suspension", json={"reason": "x"}, headers=make.official())
    read = (await api.get(f"/v1/tricycles/{made['id']}", headers=firm.headers)).json()
    assert "operator_active" in _unmet(read)["operator_responsibility"]


async def test_an_inspection_says_what_was_found(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.tricycle(api, firm, meets_yzt_0136=False, annual_check_valid_to=None)
    path = f"/v1/tricycles/{made['id']}"
    found = {"meets_yzt_0136": True, "annual_check_valid_to": "2041-01-01", "violations_found": 2}
    for headers, status in (
        (firm.headers, 403),
        (make.official(Role.police), 403),
        (make.office_client(Role.postal_bureau), 403),
        (make.official(Role.commerce_bureau), 403),
    ):
        answer = await api.post(f"{path}/inspection", json=found, headers=headers)
        assert answer.status_code == status
    seen = await _post(api, f"{path}/inspection", found, make.official(Role.postal_bureau))
    kept = {name: seen[name] for name in ("meets_yzt_0136", "annual_check_valid_to", "violations_count")}
    assert kept == {"meets_yzt_0136": True, "annual_check_valid_to": "2041-01-01", "violations_count": 2}
    on_road = {"violations_found": 1, "note": "未按规定停放"}
    again = await _post(api, f"{path}/inspection", on_road, make.official())
    assert (again["violations_count"], again["inspection_note"]) == (3, "未按规定停放")
    assert (again["meets_yzt_0136"], again["inspected_by_name"]) == (True, "李工")
    same = {name: made[name] for name in people.tricycle_body()}
    kept_dates = {**same, "meets_yzt_0136": True, "annual_check_valid_to": "2041-01-01"}
    put = (await api.put(path, json=kept_dates, headers=firm.headers)).json()
    assert put["inspected_by_name"] == "李工"
    changed = (await api.put(path, json={**kept_dates, "meets_yzt_0136": False}, headers=firm.headers)).json()
    assert (changed["inspected_by_name"], changed["violations_count"]) == (None, 3)
    bad = await api.post(f"{path}/inspection", json={"violations_found": -1}, headers=make.official())
    assert [each["field"] for each in bad.json()["errors"]] == ["body.violations_found"]


async def test_numbers_are_given_once_and_whose_they_are_is_not_told(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    other = await make.admit_firm(api)
    theirs = await people.tricycle(api, other, gps_terminal_number=f"G-{uuid4().hex[:8]}")
    code = _code()
    await _post(api, f"/v1/tricycles/{theirs['id']}/filing", {"code": code}, make.official())
    for name in ("frame_number", "tag_id", "gps_terminal_number"):
        body = people.tricycle_body(**{name: theirs[name]})
        refused = await api.post("/v1/tricycles", json=body, headers=firm.headers)
        assert (refused.status_code, _slug(refused)) == (409, "tricycle-number-taken")
        assert str(other.id) not in refused.text
    mine = await people.tricycle(api, firm)
    path = f"/v1/tricycles/{mine['id']}"
    taken = await api.post(f"{path}/filing", json={"code": code}, headers=make.official())
    assert _slug(taken) == "tricycle-number-taken"
    retired = f"/v1/tricycles/{theirs['id']}/retirement"
    await _post(api, retired, {"reason": "报废"}, other.headers)
    never = await api.post(f"{path}/filing", json={"code": code}, headers=make.official())
    assert _slug(never) == "tricycle-number-taken", "a number is never given again"
    for name in ("frame_number", "tag_id", "gps_terminal_number"):
        await people.tricycle(api, firm, **{name: theirs[name]})


async def test_filing_is_done_once_by_a_named_official(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.tricycle(api, firm)
    path = f"/v1/tricycles/{made['id']}/filing"
    body = {"code": _code(), "on": "2025-06-01"}
    for headers in (firm.headers, make.office_client(Role.postal_bureau), make.official(Role.police)):
        assert (await api.post(path, json=body, headers=headers)).status_code == 403
    for bad in ({**body, "code": "编号"}, {**body, "on": "2199-01-01"}, {"on": "2025-06-01"}):
        assert (await api.post(path, json=bad, headers=make.official())).status_code == 422
    assert (await _post(api, path, body, make.official()))["filed_on"] == "2025-06-01"
    again = await api.post(path, json={"code": _code()}, headers=make.official())
    assert (again.status_code, _slug(again)) == (409, "tricycle-filed")


async def test_one_person_rides_one_tricycle(api: httpx.AsyncClient, firm: make.Firm) -> None:
    rider = await people.rider(api, firm)
    one, two = [await people.tricycle(api, firm) for _ in range(2)]
    paths = [f"/v1/tricycles/{each['id']}/rider" for each in (one, two)]
    body = {"rider_id": rider["id"]}
    answers = await asyncio.gather(*(api.post(path, json=body, headers=firm.headers) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    won, lost = sorted(zip(answers, paths, strict=True), key=lambda pair: pair[0].status_code)
    assert _slug(lost[0]) == "rider-unavailable"
    assert (await api.get(f"/v1/tricycles?rider_id={rider['id']}", headers=firm.headers)).json()["items"]
    await _post(api, won[1], {"rider_id": None}, firm.headers)
    assert (await _post(api, lost[1], body, firm.headers))["rider_id"] == rider["id"]
    await api.post(f"/v1/drivers/{rider['id']}/employment-end", json={"reason": "离职"}, headers=firm.headers)
    freed = (await api.get(lost[1].removesuffix("/rider"), headers=firm.headers)).json()
    assert freed["rider_id"] is None
    gone = await api.post(lost[1], json=body, headers=firm.headers)
    assert _slug(gone) == "rider-unavailable"


async def test_only_a_rider_of_the_firm_rides(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.tricycle(api, firm)
    path = f"/v1/tricycles/{made['id']}/rider"
    driver = await people.driver(api, firm)
    stranger = await people.rider(api, await make.admit_firm(api))
    as_driver = await api.post(path, json={"rider_id": driver["id"]}, headers=firm.headers)
    assert _slug(as_driver) == "rider-unavailable"
    headers = {**firm.headers, "X-Request-ID": "same"}
    foreign = [
        await api.post(path, json={"rider_id": name}, headers=headers)
        for name in (stranger["id"], str(uuid4()))
    ]
    assert foreign[0].status_code == 404
    assert foreign[0].content == foreign[1].content
    by_office = await api.post(path, json={"rider_id": stranger["id"]}, headers=make.official())
    assert _slug(by_office) == "rider-unavailable"
    rider = await people.rider(api, firm)
    await _post(api, path, {"rider_id": rider["id"]}, firm.headers)
    erasure = {"reason": "本人申请删除", "requested_by": "subject"}
    await api.post(f"/v1/drivers/{rider['id']}/erasure", json=erasure, headers=firm.headers)
    read = (await api.get(path.removesuffix("/rider"), headers=firm.headers)).json()
    assert read["rider_id"] is None


async def test_a_retired_tricycle_does_not_change(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await people.tricycle(api, firm)
    path = f"/v1/tricycles/{made['id']}"
    done = await _post(api, f"{path}/retirement", {"reason": "报废"}, firm.headers)
    assert (done["status"], done["retired_reason"], done["lapses"]) == ("retired", "报废", [])
    for answer in (
        await api.put(path, json=people.tricycle_body(), headers=firm.headers),
        await api.post(f"{path}/rider", json={"rider_id": None}, headers=firm.headers),
        await api.post(f"{path}/inspection", json={}, headers=make.official()),
        await api.post(f"{path}/retirement", json={"reason": "报废"}, headers=firm.headers),
    ):
        assert (answer.status_code, _slug(answer)) == (409, "tricycle-retired")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"brand": " "}, "brand"),
        ({"model": None}, "model"),
        ({"frame_number": "车架"}, "frame_number"),
        ({"gps_terminal_number": "a/b"}, "gps_terminal_number"),
        ({"insurance_valid_to": "2025-02-30"}, "insurance_valid_to"),
        ({"meets_yzt_0136": 1}, "meets_yzt_0136"),
        ({"code": "PJ-1"}, "code"),
        ({"plate_number": "辽L12345"}, "plate_number"),
        ({"livery_document_id": str(uuid4())}, "livery_document_id.0"),
    ],
)
async def test_bad_tricycles_are_refused_by_field(
    api: httpx.AsyncClient, firm: make.Firm, values: dict[str, Any], field: str
) -> None:
    answer = await api.post("/v1/tricycles", json=people.tricycle_body(**values), headers=firm.headers)
    assert answer.status_code == 422, answer.text
    assert [each["field"] for each in answer.json()["errors"]] == [f"body.{field}"]
    assert (await api.get("/v1/tricycles", headers=firm.headers)).json()["items"] == []


async def test_offices_register_for_a_named_firm_and_lists_are_narrowed(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    body = people.tricycle_body()
    postal = make.office_client(Role.postal_bureau)
    assert (await api.post("/v1/tricycles", json=body, headers=postal)).status_code == 422
    made = await api.post("/v1/tricycles", json={**body, "enterprise_id": str(firm.id)}, headers=postal)
    assert made.status_code == 201
    code = _code()
    await _post(api, f"/v1/tricycles/{made.json()['id']}/filing", {"code": code}, make.official())
    pending = await people.tricycle(api, firm)
    for query, expected in (
        (f"code={code}", [made.json()["id"]]),
        (f"enterprise_id={firm.id}&status=pending", [pending["id"]]),
        (f"enterprise_id={firm.id}&limit=1", [made.json()["id"]]),
        (f"rider_id={uuid4()}", []),
    ):
        answer = await api.get(f"/v1/tricycles?{query}", headers=make.official())
        assert [each["id"] for each in answer.json()["items"]] == expected, query


async def test_what_is_said_after_an_inspection_is_not_the_inspectors_word(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    body = people.tricycle_body()
    tricycle = await people.register(api, firm, "/v1/tricycles", **body)
    path = f"/v1/tricycles/{tricycle['id']}"
    await _post(api, f"{path}/filing", {"code": f"PJ-{uuid4().hex[:8]}"}, make.official())
    stale = {**make.official(), "If-Match": '"1"'}
    for step, given in (("inspection", {"meets_yzt_0136": False}), ("filing", {"code": "PJ-LATE"})):
        late = await api.post(f"{path}/{step}", json=given, headers=stale)
        assert (late.status_code, step) == (412, step)
    found = await _post(api, f"{path}/inspection", {"meets_yzt_0136": False}, make.official())
    assert found["inspected_by_name"] is not None
    office = make.office_client(Role.transport_bureau)
    edited = (await api.put(path, json={**body, "meets_yzt_0136": True}, headers=office)).json()
    assert (edited["inspected_by_name"], edited["status"]) == (None, "filed")
    other = {**body, "meets_yzt_0136": True, "frame_number": f"F{uuid4().hex[:10].upper()}"}
    changed = (await api.put(path, json=other, headers=firm.headers)).json()
    assert (changed["status"], changed["code"], changed["filed_on"]) == ("pending", None, None)
