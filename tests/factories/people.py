"""Makes drivers, riders and tricycles through the API, from generated persons nobody is."""

import itertools
import random
from typing import Any

import httpx
from stdnum.cn import ric

from services.shared.auth import Role
from tests.factories import registry as make
from tests.factories.media import pdf

Json = dict[str, Any]
_serials = itertools.count(random.Random().randrange(10**6))
_SURNAMES = ("张", "李", "王", "赵", "欧阳", "司马")
_GIVEN = ("三", "建国", "丽华", "小明", "志强")


def id_number() -> str:
    """A fresh, valid identity number; check digit by python-stdnum, an oracle of its own."""
    serial = next(_serials)
    year, month, day = 1950 + serial % 50, 1 + serial // 50 % 12, 1 + serial // 600 % 28
    body = f"2111{2 + serial // 16800 % 2:02d}{year}{month:02d}{day:02d}{serial // 33600 % 1000:03d}"
    return body + ric.calc_check_digit(body + "0")


def mobile_phone() -> str:
    """A fresh mobile number."""
    return f"1{(3, 5, 7, 8, 9)[next(_serials) % 5]}{next(_serials) * 7919 % 10**9:09d}"


def name() -> str:
    """A made-up name."""
    return random.choice(_SURNAMES) + random.choice(_GIVEN)


def driver_body(**values: Any) -> Json:
    """A driver of heavy trucks with both papers in force."""
    number = id_number()
    return {
        "name": name(),
        "id_number": number,
        "mobile_phone": mobile_phone(),
        "licence_class": "B2",
        "licence_issuer": "盘锦市公安局交通警察支队",
        "licence_valid_from": "2021-03-01",
        "licence_valid_to": "2041-03-01",
        "drives_over_4500_kg": True,
        "qualification_number": number,
        "qualification_valid_from": "2021-06-01",
        "qualification_valid_to": "2041-05-31",
        **values,
    }


def rider_body(**values: Any) -> Json:
    """A trained rider of an express tricycle."""
    return {
        "kind": "rider",
        "name": name(),
        "id_number": id_number(),
        "mobile_phone": mobile_phone(),
        "trained_on": "2025-01-10",
        **values,
    }


def tricycle_body(**values: Any) -> Json:
    """A tricycle with everything that needs no document."""
    serial = next(_serials)
    return {
        "brand": "邮政",
        "outlet": "兴隆台营业部",
        "model": "KD-1200",
        "meets_yzt_0136": True,
        "frame_number": f"LPJ{serial}",
        "motor_number": f"M{serial}",
        "tag_id": f"E280-{serial}",
        "insurance_policy_number": f"PICC-{serial}",
        "insurance_insurer": "人保财险",
        "insurance_valid_to": "2041-05-31",
        "annual_check_valid_to": "2041-05-31",
        **values,
    }


async def register(api: httpx.AsyncClient, firm: make.Firm, path: str = "/v1/drivers", **body: Any) -> Json:
    """Register what `body` says with a firm."""
    answer = await api.post(path, json=body, headers=firm.headers)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def driver(api: httpx.AsyncClient, firm: make.Firm, **values: Any) -> Json:
    """A registered driver."""
    return await register(api, firm, **driver_body(**values))


async def rider(api: httpx.AsyncClient, firm: make.Firm, **values: Any) -> Json:
    """A registered rider."""
    return await register(api, firm, **rider_body(**values))


async def tricycle(api: httpx.AsyncClient, firm: make.Firm, **values: Any) -> Json:
    """A registered tricycle."""
    return await register(api, firm, "/v1/tricycles", **tricycle_body(**values))


async def document(api: httpx.AsyncClient, firm: make.Firm, content: bytes = b"") -> str:
    """An uploaded document of other bytes each time; its id."""
    body = content or pdf(str(next(_serials)))
    headers = {**firm.headers, "Content-Type": "application/pdf"}
    answer = await api.post("/v1/documents", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def reader(role: Role = Role.transport_bureau) -> dict[str, str]:
    """Authorization of a named official who may read personal values."""
    return make.official(role, "personal_data")


async def firm_reader(api: httpx.AsyncClient, firm: make.Firm) -> dict[str, str]:
    """Authorization of a firm's client that may read its own people's values."""
    granted = await api.put(
        f"/v1/clients/{firm.client_id}/scopes",
        json={"scopes": ["personal_data"]},
        headers=make.administrator(),
    )
    assert granted.status_code == 200, granted.text
    return await make.client_headers(api, firm.client_id, firm.client_secret)


async def search(
    api: httpx.AsyncClient, headers: dict[str, str], purpose: str | None = "核实身份", **sought: str
) -> httpx.Response:
    """Look for a person by one exact value."""
    body = {**sought, "purpose": purpose}
    return await api.post("/v1/driver-searches", json=body, headers=headers)


async def read_values(
    api: httpx.AsyncClient, subject_id: str, headers: dict[str, str], *fields: str
) -> httpx.Response:
    """Ask for a driver's values in the clear."""
    body = {
        "subject_kind": "driver",
        "subject_id": subject_id,
        "fields": list(fields) or ["name", "id_number", "mobile_phone"],
        "purpose": "核实事故当事人",
    }
    return await api.post("/v1/personal-readings", json=body, headers=headers)
