"""How a firm joins: application, decision, credentials."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.registry.main import create_app
from services.shared.auth import Role
from tests.factories import registry as make

APPLICATIONS = "/v1/enterprise-applications"


async def _apply(api: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    body = {"name": "盘锦顺达城配有限公司", "uscc": make.uscc(), "kind": "carrier", **values}
    answer = await api.post(APPLICATIONS, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_firm_joins(api: httpx.AsyncClient) -> None:
    made = await _apply(api)
    path, reference = f"{APPLICATIONS}/{made['id']}", {"reference_code": made["reference_code"]}
    assert made["status"] == "submitted"
    early = await api.post(f"{path}/credentials", json=reference)
    assert early.json()["type"].endswith("application-not-approved")
    approved = await api.post(f"{path}/approval", json={}, headers=make.official())
    assert approved.json()["status"] == "approved"
    assert "reference_code" not in approved.json()
    status = await api.get(path, headers={"X-Reference-Code": made["reference_code"]})
    assert status.json()["enterprise_id"] == approved.json()["enterprise_id"]
    client = (await api.post(f"{path}/credentials", json=reference)).json()
    headers = await make.client_headers(api, client["client_id"], client["client_secret"])
    own = await api.get(f"/v1/enterprises/{approved.json()['enterprise_id']}", headers=headers)
    assert (own.json()["status"], own.json()["uscc"], own.json()["is_demo"]) == (
        "active",
        made["uscc"],
        False,
    )
    again = await api.post(f"{path}/credentials", json=reference)
    assert (again.status_code, again.json()["type"]) == (409, "urn:cityfreight:problem:credentials-collected")


async def test_credentials_are_handed_out_once_under_a_race(api: httpx.AsyncClient) -> None:
    made = await _apply(api)
    path = f"{APPLICATIONS}/{made['id']}"
    await api.post(f"{path}/approval", json={}, headers=make.official())
    body = {"reference_code": made["reference_code"]}
    answers = await asyncio.gather(*(api.post(f"{path}/credentials", json=body) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


async def test_without_the_code_there_is_nothing_to_see(api: httpx.AsyncClient) -> None:
    mine, other = await _apply(api), await _apply(api)
    wrong = {"reference_code": other["reference_code"]}
    shown = {"X-Reference-Code": other["reference_code"]}
    path = f"{APPLICATIONS}/{mine['id']}"
    assert (await api.get(path, headers=shown)).status_code == 404
    assert (await api.post(f"{path}/credentials", json=wrong)).status_code == 404
    own = {"reference_code": mine["reference_code"]}
    missing = await api.get(path)
    assert missing.status_code == 422
    assert [item["field"] for item in missing.json()["errors"]] == ["header.X-Reference-Code"]
    assert (await api.get(path, params=own)).status_code == 422, "an address is logged"
    assert (await api.get(f"{APPLICATIONS}/{uuid4()}", headers=shown)).status_code == 404


async def test_only_a_named_official_decides(api: httpx.AsyncClient, firm: make.Firm) -> None:
    path = f"{APPLICATIONS}/{(await _apply(api))['id']}"
    for headers in (
        firm.headers,
        make.office_client(Role.transport_bureau),
        make.official(Role.commerce_bureau),
        make.official(Role.police),
    ):
        for step, body in (("approval", {}), ("rejection", {"reason": "x"})):
            assert (await api.post(f"{path}/{step}", json=body, headers=headers)).status_code == 403
    done = await api.post(f"{path}/rejection", json={"reason": "材料不全"}, headers=make.official())
    assert (done.json()["status"], done.json()["reason"]) == ("rejected", "材料不全")
    late = await api.post(f"{path}/approval", json={}, headers=make.official())
    assert late.json()["type"].endswith("application-decided")


async def test_two_officials_at_once_admit_one_firm(api: httpx.AsyncClient) -> None:
    path = f"{APPLICATIONS}/{(await _apply(api))['id']}/approval"
    answers = await asyncio.gather(*(api.post(path, json={}, headers=make.official()) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9


async def test_one_firm_for_one_uscc(api: httpx.AsyncClient) -> None:
    code = make.uscc()
    first, second = await _apply(api, uscc=code), await _apply(api, uscc=code)
    assert (
        await api.post(f"{APPLICATIONS}/{first['id']}/approval", json={}, headers=make.official())
    ).status_code == 200
    answer = await api.post(f"{APPLICATIONS}/{second['id']}/approval", json={}, headers=make.official())
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "enterprise-registered")
    listed = await api.get(f"{APPLICATIONS}?status=submitted&limit=200", headers=make.official())
    assert second["id"] in {item["id"] for item in listed.json()["items"]}


async def test_a_repeated_application_is_one_and_comes_without_the_code(api: httpx.AsyncClient) -> None:
    body = {"name": "重试公司", "uscc": make.uscc(), "kind": "shipper"}
    key = {"Idempotency-Key": str(uuid4())}
    first = await api.post(APPLICATIONS, json=body, headers=key)
    again = await api.post(APPLICATIONS, json=body, headers=key)
    assert again.status_code == 201
    assert again.json() == {k: v for k, v in first.json().items() if k != "reference_code"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"uscc": "91110000600037341M"}, "body.uscc"),
        ({"uscc": "9111000060003734IL"}, "body.uscc"),
        ({"uscc": "1" * 17}, "body.uscc"),
        ({"uscc": "9" * 200}, "body.uscc"),
        ({"kind": "bank"}, "body.kind"),
        ({"name": ""}, "body.name"),
        ({"name": "a\x00b"}, "body.name"),
        ({"status": "approved"}, "body.status"),
    ],
)
async def test_bad_applications_are_refused(
    api: httpx.AsyncClient, values: dict[str, Any], field: str
) -> None:
    body = {"name": "公司", "uscc": make.uscc(), "kind": "carrier", **values}
    answer = await api.post(APPLICATIONS, json=body)
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == [field]


async def test_the_public_form_is_limited_by_address(database_urls: dict[str, str], tmp_path: Path) -> None:
    app = create_app(make.api_settings(database_urls, tmp_path, public_per_minute=2))
    body = {"name": "公司", "uscc": make.uscc(), "kind": "carrier"}

    async def post(api: httpx.AsyncClient, real_ip: str | None = None) -> httpx.Response:
        return await api.post(APPLICATIONS, json=body, headers={"X-Real-IP": real_ip} if real_ip else {})

    async with make.running(app) as edge:
        assert [(await post(edge, "203.0.113.7")).status_code for _ in range(3)] == [201, 201, 429]
        refused = await post(edge, "203.0.113.7")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert refused.json()["title"] == "请求过于频繁 / Too many requests"
        assert (await post(edge, "203.0.113.8")).status_code == 201
        pair = [(await post(edge, f"2001:db8::{last}")).status_code for last in (1, 2, 3)]
        assert pair == [201, 201, 429]
    async with make.running(app, "198.51.100.9") as stranger:
        forged = [(await post(stranger, f"203.0.113.{last}")).status_code for last in (50, 51, 52)]
    assert forged == [201, 201, 429]


async def test_the_edge_of_a_cluster_is_believed_where_it_is(
    database_urls: dict[str, str], tmp_path: Path
) -> None:
    settings = make.api_settings(
        database_urls, tmp_path, public_per_minute=1, edge_networks="10.42.0.0/16, 127.0.0.0/8"
    )
    body = {"name": "公司", "uscc": make.uscc(), "kind": "carrier"}
    async with make.running(create_app(settings), "10.42.7.9") as edge:
        statuses = [
            (await edge.post(APPLICATIONS, json=body, headers={"X-Real-IP": address})).status_code
            for address in ("203.0.113.7", "203.0.113.8", "203.0.113.7", "not an address", "also not")
        ]
    assert statuses == [201, 201, 429, 201, 429]


async def test_no_demonstration_tenant_in_production(database_urls: dict[str, str], tmp_path: Path) -> None:
    settings = make.api_settings(database_urls, tmp_path, environment="production")
    async with make.running(create_app(settings)) as api:
        path = f"{APPLICATIONS}/{(await _apply(api))['id']}/approval"
        refused = await api.post(path, json={"demo": True}, headers=make.official())
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (422, "demo-refused")
        assert (await api.post(path, json={"demo": False}, headers=make.official())).status_code == 200


async def test_a_demo_firm_and_its_vehicles_are_flagged(api: httpx.AsyncClient) -> None:
    firm = await make.admit_firm(api, demo=True)
    assert (await make.register(api, firm))["is_demo"] is True
