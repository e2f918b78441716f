"""Makes facilities, bays and chargers through the API, and the evidence they need."""

import itertools
from typing import Any
from uuid import uuid4

import httpx

from tests.factories import registry as make
from tests.factories.media import pdf

Json = dict[str, Any]
_numbers = itertools.count(1)


def code(prefix: str) -> str:
    """A fresh code."""
    return f"{prefix}-{uuid4().hex[:8]}-{next(_numbers)}"


def facility_body(kind: str = "freight_hub", **values: Any) -> Json:
    """A facility with no capacity told, operated by an outside firm; planned in 2024."""
    site = {"site_type": "outlet"} if kind == "mail_site" else {}
    body = {
        "code": code("F"),
        "name": "示范设施",
        "capacity": {"kind": kind, **site},
        "operator": {"name": "盘锦外部运营有限公司", "uscc": make.uscc()},
        "division_code": "211103",
        "lon": 122.07,
        "lat": 41.12,
        "planned_on": "2024-01-10",
        **values,
    }
    return {name: value for name, value in body.items() if value is not None}


def own_facility_body(kind: str = "freight_hub", **values: Any) -> Json:
    """The same, of the firm that asks."""
    return facility_body(kind, operator=None, **values)


def facility_update(body: Json) -> Json:
    """What of a facility's body can be replaced."""
    return {name: value for name, value in body.items() if name not in {"code", "planned_on"}}


async def create_facility(api: httpx.AsyncClient, headers: dict[str, str], body: Json) -> Json:
    """Register a facility."""
    return await posted(api, "/v1/facilities", headers, body, 201)


async def posted(
    api: httpx.AsyncClient, path: str, headers: dict[str, str], body: Json, status: int = 200
) -> Json:
    """Post and expect a status."""
    answer = await api.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


async def open_facility(api: httpx.AsyncClient, facility_id: str, on: str, **values: Any) -> Json:
    """Have an official record that it was built and opened, both on one day."""
    path = f"/v1/facilities/{facility_id}"
    await posted(api, f"{path}/construction-completion", make.official(), {"on": on})
    return await posted(api, f"{path}/opening", make.official(), {"on": on, **values})


async def operating(api: httpx.AsyncClient, kind: str = "kerb_bay_group", **values: Any) -> Json:
    """A facility an official opened in 2024."""
    made = await create_facility(api, make.official(), facility_body(kind, **values))
    return await open_facility(api, made["id"], "2024-03-01")


def bay(**values: Any) -> Json:
    """A bay by the kerb, in service since March 2024."""
    return {"code": code("B"), "lon": 122.0652, "lat": 41.1181, "in_service_from": "2024-03-01", **values}


def charger(**values: Any) -> Json:
    """A fast charger that delivery vehicles may use, in service since March 2024."""
    return {
        "code": code("C"),
        "power_kw": 120,
        "current": "DC",
        "connectors": ["gbt_dc"],
        "open_to_delivery_vehicles": True,
        "in_service_from": "2024-03-01",
        **values,
    }


async def create_bays(
    api: httpx.AsyncClient, headers: dict[str, str], facility_id: str, *bays: Json
) -> list[Json]:
    """Register bays."""
    body = {"facility_id": facility_id, "items": [*bays]}
    items: list[Json] = (await posted(api, "/v1/bays", headers, body, 201))["items"]
    return items


async def create_chargers(
    api: httpx.AsyncClient, headers: dict[str, str], facility_id: str, *chargers: Json
) -> list[Json]:
    """Register chargers."""
    body = {"facility_id": facility_id, "items": [*chargers]}
    items: list[Json] = (await posted(api, "/v1/chargers", headers, body, 201))["items"]
    return items


async def upload(api: httpx.AsyncClient, headers: dict[str, str]) -> str:
    """Upload a document of the caller's; its id."""
    content = pdf(uuid4().hex)
    answer = await api.post(
        "/v1/documents", content=content, headers={**headers, "Content-Type": "application/pdf"}
    )
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found
