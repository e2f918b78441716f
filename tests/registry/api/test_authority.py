"""An authority's plain yes verifies the identity; anything else changes nothing."""

import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, Response

from services.registry.clients import Logink
from services.shared.auth import Principal, Role
from tests.factories import registry as make
from tests.support.logink_gateway import KEY, SECRET, Gateway, app_of

PATH = "/v1/authority-confirmations"


@pytest.fixture
def gateway(app: FastAPI) -> Iterator[Gateway]:
    """The authority of this app: knows nothing until a test says what."""
    found = Gateway(int(time.time() * 1000))
    before = app.state.authority
    app.state.authority = Logink("http://logink", KEY, SECRET, transport=httpx.ASGITransport(app_of(found)))
    yield found
    app.state.authority = before


def about(kind: str, subject_id: object) -> make.Json:
    return {"subject_kind": kind, "subject_id": str(subject_id)}


async def test_a_known_vehicle_is_confirmed_and_new_plates_are_not(
    api: httpx.AsyncClient, firm: make.Firm, gateway: Gateway
) -> None:
    vehicle = await make.register(api, firm)
    asked = about("vehicle", vehicle["id"])
    unknown = await api.post(PATH, json=asked, headers=make.official())
    assert (unknown.json()["outcome"], unknown.json()["verification"]) == ("not_found", None)
    gateway.vehicles.add((vehicle["plate_number"], "2"))
    found = (await api.post(PATH, json=asked, headers=make.official())).json()
    assert (found["outcome"], found["source"]) == ("confirmed", "LOGINK")
    made = found["verification"]
    assert (made["field_group"], made["level"]) == ("plate", "confirmed_by_authority")
    assert made["verified_by_name"] == "LOGINK（李工）"
    path = f"/v1/vehicles/{vehicle['id']}"
    plate = {"plate": "confirmed_by_authority"}
    assert (await api.get(path, headers=firm.headers)).json()["verified"] == plate
    edit = {"powertrain": "BEV", "payload_kg": 1765, "vin": "LNBSCCAH4PJ000001"}  # nobody asked about that
    assert (await api.put(path, json=edit, headers=firm.headers)).json()["verified"] == plate
    number = make.plate()
    replated = {"plate_number": number, "plate_color": 2, "reason": "号牌遗失"}
    again = await api.post(f"{path}/re-plating", json=replated, headers=firm.headers)
    assert again.json()["verified"] == {}


async def test_the_longest_name_of_an_official_is_kept(
    api: httpx.AsyncClient, firm: make.Firm, gateway: Gateway
) -> None:
    vehicle = await make.register(api, firm)
    gateway.vehicles.add((vehicle["plate_number"], "2"))
    longest = Principal(str(uuid4()), Role.transport_bureau, name="李" * 200)
    answer = await api.post(PATH, json=about("vehicle", vehicle["id"]), headers=make.bearer(longest))
    assert answer.json()["verification"]["verified_by_name"] == f"LOGINK（{'李' * 200}）"


async def test_a_firm_is_confirmed_by_name_and_code(
    api: httpx.AsyncClient, firm: make.Firm, gateway: Gateway
) -> None:
    name = (await api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()["name"]
    gateway.firms.append({"enterpriseName": name, "unifiedSocialCreditIdentifier": firm.uscc})
    found = (await api.post(PATH, json=about("enterprise", firm.id), headers=make.official())).json()
    assert found["verification"]["level"] == "confirmed_by_authority"


async def test_what_changed_while_it_was_asked_is_not_confirmed(
    api: httpx.AsyncClient, firm: make.Firm, gateway: Gateway
) -> None:
    path = f"/v1/enterprises/{firm.id}"
    name = (await api.get(path, headers=firm.headers)).json()["name"]

    async def rename_meanwhile() -> Response:
        edit = {"name": "改名有限公司", "kind": "carrier"}
        assert (await api.put(path, json=edit, headers=firm.headers)).status_code == 200
        gateway.misbehave = None
        return gateway.reply("/credit/enterpriseQuery/logink", {"enterpriseName": name})

    gateway.firms.append({"enterpriseName": name, "unifiedSocialCreditIdentifier": firm.uscc})
    gateway.misbehave = rename_meanwhile
    answer = await api.post(PATH, json=about("enterprise", firm.id), headers=make.official())
    assert answer.json()["type"] == "urn:cityfreight:problem:subject-changed"
    assert (await api.get(path, headers=firm.headers)).json()["verified"] == {}


async def test_without_credentials_nothing_is_asked(api: httpx.AsyncClient, firm: make.Firm) -> None:
    answer = await api.post(PATH, json=about("enterprise", firm.id), headers=make.official())
    assert answer.json()["type"] == "urn:cityfreight:problem:authority-not-configured"


async def test_only_named_officials_ask_and_only_about_what_there_is(
    api: httpx.AsyncClient, firm: make.Firm, gateway: Gateway
) -> None:
    asked = about("enterprise", firm.id)
    for headers in (firm.headers, make.office_client(Role.transport_bureau), make.official(Role.police)):
        assert (await api.post(PATH, json=asked, headers=headers)).status_code == 403
    missing = await api.post(PATH, json=about("vehicle", uuid4()), headers=make.official())
    assert missing.status_code == 404
    assert gateway.asked == []
    for bad in ({**asked, "subject_kind": "driver"}, {"subject_kind": "vehicle"}):
        assert (await api.post(PATH, json=bad, headers=make.official())).status_code == 422
