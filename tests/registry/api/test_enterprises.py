"""A firm's standing: who may change it, and what it means for the firm."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.shared.auth import Role
from services.shared.schemas import format_instant
from tests.factories import registry as make
from tests.registry.api.test_tokens import wait_refused

REASON = {"reason": "道路运输经营许可证过期"}


async def _step(api: httpx.AsyncClient, firm: make.Firm, step: str, **body: str) -> httpx.Response:
    return await api.post(
        f"/v1/enterprises/{firm.id}/{step}", json={**REASON, **body}, headers=make.official()
    )


async def test_a_suspended_firm_reads_its_own_and_writes_nothing(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    vehicle = await make.register(api, firm)
    suspended = await _step(api, firm, "suspension")
    assert suspended.json()["standing_reason"] == REASON["reason"]
    path = f"/v1/vehicles/{vehicle['id']}"
    refused = [
        await api.post("/v1/vehicles", json=make.vehicle_body(), headers=firm.headers),
        await api.put(path, json={"powertrain": "BEV", "payload_kg": 900}, headers=firm.headers),
        await api.post(f"{path}/deregistration", json={"reason": "报废"}, headers=firm.headers),
        await api.post(
            "/v1/vehicles",
            json=make.vehicle_body(enterprise_id=str(firm.id)),
            headers=make.office_client(Role.transport_bureau),
        ),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["type"]) == (
            403,
            "urn:cityfreight:problem:enterprise-suspended",
        )
    assert (await api.get(path, headers=firm.headers)).status_code == 200
    assert (await api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()["status"] == "suspended"
    await make.client_headers(api, firm.client_id, firm.client_secret)
    lifted = await _step(api, firm, "reinstatement", reason="已补办")
    assert lifted.json()["status"] == "active"
    await make.register(api, firm)


async def test_each_decision_is_kept_with_cause_and_time(api: httpx.AsyncClient, firm: make.Firm) -> None:
    await _step(api, firm, "suspension")
    await _step(api, firm, "reinstatement", reason="已补办")
    path = f"/v1/enterprises/{firm.id}/standings"
    rows = (await api.get(path, headers=firm.headers)).json()["items"]
    assert [(row["status"], row["reason"]) for row in rows[1:]] == [
        ("suspended", REASON["reason"]),
        ("active", "已补办"),
    ]
    assert rows[0]["status"] == "active"
    read = await api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)
    assert read.json()["version"] == 3
    assert read.headers["etag"] == '"3"'


async def test_closing_is_final_and_ends_the_clients(api: httpx.AsyncClient, firm: make.Firm) -> None:
    assert (await _step(api, firm, "closure")).json()["status"] == "closed"
    for step in ("reinstatement", "suspension", "closure"):
        answer = await _step(api, firm, step)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "standing-conflict")
    token = await api.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(firm.client_id, firm.client_secret),
    )
    assert token.status_code == 401
    await wait_refused(api, firm.headers)


@pytest.mark.parametrize("hours", [1, -24 * 365])
async def test_a_standing_begins_neither_later_nor_before_the_last(
    api: httpx.AsyncClient, firm: make.Firm, hours: int
) -> None:
    moment = format_instant(datetime.now(UTC) + timedelta(hours=hours))
    answer = await _step(api, firm, "suspension", effective_at=moment)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.effective_at"
    assert (await api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()["status"] == "active"


async def test_only_a_named_official_changes_a_standing(api: httpx.AsyncClient, firm: make.Firm) -> None:
    for headers in (
        firm.headers,
        make.office_client(Role.transport_bureau),
        make.official(Role.police),
        make.official(Role.postal_bureau),
    ):
        answer = await api.post(f"/v1/enterprises/{firm.id}/suspension", json=REASON, headers=headers)
        assert answer.status_code == 403


async def test_an_office_sees_every_firm_page_by_page(api: httpx.AsyncClient) -> None:
    firms = {str((await make.admit_firm(api)).id) for _ in range(3)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await api.get("/v1/enterprises", params=params, headers=make.official())).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert firms <= set(seen)
    assert len(seen) == len(set(seen))
    assert (await api.get("/v1/enterprises", headers=make.official(Role.police))).status_code == 403


async def test_contacts_that_are_left_out_stay(api: httpx.AsyncClient, firm: make.Firm) -> None:
    """They are read masked only: nobody could send them back."""
    path = f"/v1/enterprises/{firm.id}"
    contact = {"role": "operations", "name": "王强", "phone": "13900001234"}
    form = {"name": "改名有限公司", "kind": "carrier"}
    made = await api.put(path, json={**form, "contacts": [contact]}, headers=firm.headers)
    assert len(made.json()["contacts"]) == 1
    moved = await api.put(path, json={**form, "address": "工业街2号"}, headers=firm.headers)
    assert moved.json()["contacts"] == made.json()["contacts"]
    removed = await api.put(path, json={**form, "contacts": []}, headers=firm.headers)
    assert removed.json()["contacts"] == []
