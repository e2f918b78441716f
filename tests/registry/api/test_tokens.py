"""The token endpoint as RFC 6749 has it, and the key set."""

import asyncio
import base64
import json
import time
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.shared.auth import Role
from tests.factories import registry as make

GRANT = {"grant_type": "client_credentials"}


def _basic(name: str, secret: str) -> dict[str, str]:
    text = f"{quote(name, safe='')}:{quote(secret, safe='')}".encode()
    return {"Authorization": "Basic " + base64.b64encode(text).decode()}


async def test_a_client_signs_in_by_basic_and_by_form(api: httpx.AsyncClient, firm: make.Firm) -> None:
    both = (
        await api.post("/oauth/token", data=GRANT, headers=_basic(firm.client_id, firm.client_secret)),
        await api.post(
            "/oauth/token",
            data={**GRANT, "client_id": firm.client_id, "client_secret": firm.client_secret},
        ),
    )
    keys = (await api.get("/oauth/jwks")).json()["keys"]
    for answer in both:
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert body["token_type"] == "Bearer"
        assert 0 < body["expires_in"] <= 600
        claims = jwt.decode(body["access_token"], OKPKey.import_key(keys[0]), algorithms=["Ed25519"]).claims
        assert claims["enterprise_id"] == str(firm.id)
        assert claims["sub"] == claims["client_id"] == firm.client_id
        assert claims["role"] == "enterprise"
        assert claims["exp"] - claims["iat"] <= 600


async def test_the_key_set_holds_no_private_part(api: httpx.AsyncClient) -> None:
    answer = await api.get("/oauth/jwks")
    assert {*answer.json()["keys"][0]} >= {"kty", "crv", "x", "kid"}
    assert "d" not in answer.json()["keys"][0]
    assert "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({**GRANT, "client_id": "x"}, 401, "invalid_client"),
        ({**GRANT, "client_id": "x", "client_secret": "y"}, 401, "invalid_client"),
        ({**GRANT, "client_id": "x\x00", "client_secret": "\x00"}, 401, "invalid_client"),
        ({"grant_type": "password", "client_id": "x", "client_secret": "y"}, 400, "unsupported_grant_type"),
        ({**GRANT, "client_id": "x", "client_secret": "y", "scope": "admin"}, 401, "invalid_client"),
    ],
)
async def test_errors_have_the_form_of_section_5_2(
    api: httpx.AsyncClient, form: dict[str, str], status: int, error: str
) -> None:
    answer = await api.post("/oauth/token", data=form)
    if not form:
        answer = await api.post(
            "/oauth/token", content=b"", headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert {*answer.json()} == {"error", "error_description"}
    assert answer.json()["error"] == error
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", {}),
        (b"grant_type=client_credentials&client_id=%ff%fe&client_secret=a", {}),
        ("grant_type=客户".encode(), {}),
        (json.dumps(GRANT).encode(), {"Content-Type": "application/json"}),
        (b"grant_type=client_credentials&client_secret=a", {"Authorization": "Basic YTpi"}),
        (b"grant_type=client_credentials&client_id=z", {"Authorization": "Basic YTpi"}),
        (b"&".join(b"a=b" for _ in range(100)), {}),
    ],
)
async def test_malformed_requests_are_invalid_request(
    api: httpx.AsyncClient, body: bytes, headers: dict[str, str]
) -> None:
    given = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    answer = await api.post("/oauth/token", content=body, headers=given)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("header", ["Basic", "Basic ***", "Basic YQ==", "Bearer YTpi", "Basic /////w=="])
async def test_a_bad_authorization_header_is_invalid_client(api: httpx.AsyncClient, header: str) -> None:
    answer = await api.post("/oauth/token", data=GRANT, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_unknown_wrong_and_disabled_are_not_told_apart(api: httpx.AsyncClient, firm: make.Firm) -> None:
    admin = make.administrator()
    made: dict[str, Any] = (
        await api.post("/v1/clients", json={"name": "交警", "role": "police"}, headers=admin)
    ).json()
    assert (await api.post(f"/v1/clients/{made['client_id']}/disablement", headers=admin)).status_code == 200
    pairs = [
        (made["client_id"], made["client_secret"]),
        (firm.client_id, "wrong"),
        ("01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0", "wrong"),
    ]
    bodies = {(await api.post("/oauth/token", data=GRANT, auth=pair)).content for pair in pairs}
    assert len(bodies) == 1


def _claims(answer: httpx.Response) -> dict[str, Any]:
    part = answer.json()["access_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


async def test_a_token_carries_the_scopes_its_client_has_and_asks_for(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    pair = (firm.client_id, firm.client_secret)
    none = await api.post("/oauth/token", data=GRANT, auth=pair)
    assert (none.json()["scope"], _claims(none)["scope"]) == ("", "")
    path = f"/v1/clients/{firm.client_id}/scopes"
    admin = make.administrator()
    granted = await api.put(path, json={"scopes": ["personal_data"]}, headers=admin)
    assert granted.json()["scopes"] == ["personal_data"]
    for asked in ({}, {"scope": ""}, {"scope": "personal_data"}):
        answer = await api.post("/oauth/token", data={**GRANT, **asked}, auth=pair)
        assert (answer.json()["scope"], _claims(answer)["scope"]) == ("personal_data", "personal_data")
    for scope in ("admin", "personal_data admin", "PERSONAL_DATA"):
        refused = await api.post("/oauth/token", data={**GRANT, "scope": scope}, auth=pair)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    await api.put(path, json={"scopes": []}, headers=admin)
    again = await api.post("/oauth/token", data={**GRANT, "scope": "personal_data"}, auth=pair)
    assert again.json()["error"] == "invalid_scope"


async def test_scopes_are_an_administrators_to_give_and_not_to_everybody(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    admin = make.administrator()
    own = {"name": "x", "role": "enterprise", "enterprise_id": str(firm.id), "scopes": ["personal_data"]}
    made = (await api.post("/v1/clients", json=own, headers=admin)).json()
    token = await api.post("/oauth/token", data=GRANT, auth=(made["client_id"], made["client_secret"]))
    assert token.json()["scope"] == "personal_data"
    for role in ("police", "province", "public"):
        body = {"name": "x", "role": role, "scopes": ["personal_data"]}
        refused = await api.post("/v1/clients", json=body, headers=admin)
        assert [each["field"] for each in refused.json()["errors"]] == ["body.scopes"]
    police = (await api.post("/v1/clients", json={"name": "x", "role": "police"}, headers=admin)).json()
    path = f"/v1/clients/{police['client_id']}/scopes"
    refused = await api.put(path, json={"scopes": ["personal_data"]}, headers=admin)
    assert [each["field"] for each in refused.json()["errors"]] == ["body.scopes"]
    for headers in (firm.headers, make.official()):
        assert (await api.put(path, json={"scopes": []}, headers=headers)).status_code == 403
    bad = await api.put(path, json={"scopes": ["admin"]}, headers=admin)
    assert [each["field"] for each in bad.json()["errors"]] == ["body.scopes.0"]
    await api.post(f"/v1/clients/{police['client_id']}/disablement", headers=admin)
    assert (await api.put(path, json={"scopes": []}, headers=admin)).status_code == 409


async def test_rotation_ends_the_old_secret(api: httpx.AsyncClient) -> None:
    admin = make.administrator()
    made = (await api.post("/v1/clients", json={"name": "省平台", "role": "province"}, headers=admin)).json()
    path = f"/v1/clients/{made['client_id']}/secret-rotation"
    fresh = (await api.post(path, headers=admin)).json()
    assert fresh["client_secret"] != made["client_secret"]
    assert len(base64.urlsafe_b64decode(fresh["client_secret"] + "=")) == 32
    old = await api.post("/oauth/token", data=GRANT, auth=(made["client_id"], made["client_secret"]))
    assert old.status_code == 401
    await make.client_headers(api, made["client_id"], fresh["client_secret"])


async def test_a_disabled_clients_token_ends_at_once(api: httpx.AsyncClient) -> None:
    admin = make.administrator()
    made = (await api.post("/v1/clients", json={"name": "临时", "role": "province"}, headers=admin)).json()
    headers = await make.client_headers(api, made["client_id"], made["client_secret"])
    assert (await api.get("/v1/areas", headers=headers)).status_code == 200
    await api.post(f"/v1/clients/{made['client_id']}/disablement", headers=admin)
    rotated = await api.post(f"/v1/clients/{made['client_id']}/secret-rotation", headers=admin)
    assert rotated.json()["type"].endswith("client-disabled")
    await wait_refused(api, headers)


async def wait_refused(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """The list of revoked subjects is read anew once a second."""
    deadline = time.monotonic() + 3
    while (await api.get("/v1/areas", headers=headers)).status_code != 401:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_clients_are_an_administrators(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = {"name": "x", "role": "police"}
    for headers, status in (
        ({}, 401),
        (firm.headers, 403),
        (make.official(), 403),
        (make.office_client(Role.transport_bureau), 403),
    ):
        assert (await api.post("/v1/clients", json=body, headers=headers)).status_code == status
    listed = await api.get(f"/v1/clients?enterprise_id={firm.id}", headers=make.administrator())
    assert [item["client_id"] for item in listed.json()["items"]] == [firm.client_id]
    assert "secret" not in listed.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "role": "enterprise"}, "body.enterprise_id"),
        ({"name": "x", "role": "service"}, "body.role"),
        (
            {"name": "x", "role": "police", "enterprise_id": "01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0"},
            "body.enterprise_id",
        ),
        ({"name": "", "role": "police"}, "body.name"),
    ],
)
async def test_bad_clients_are_refused(api: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await api.post("/v1/clients", json=body, headers=make.administrator())
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == [field]
