"""Bad input gets a 4xx problem that names the field, never a 500, never a partial write."""

import json
from typing import Any

import httpx
import pytest

from services.shared.ids import new_id
from tests.factories import permits as make

CHECK: make.Json = {"plate_number": "辽L12345", "plate_color": 1, "lon": 122.07, "lat": 41.12}
RULE = make.rule_body(new_id())
TYPE: make.Json = {"code": "ok", "name_zh": "证", "name_en": "permit", "max_days": 30}
APPLICATION = make.application_body(new_id(), new_id(), "ok")

TABLE: list[tuple[str, make.Json, make.Json, str]] = [
    ("checks", CHECK, {"lon": 181}, "body.lon"),
    ("checks", CHECK, {"lat": "41"}, "body.lat"),
    ("checks", CHECK, {"lon": True}, "body.lon"),
    ("checks", CHECK, {"lat": None}, "body"),
    ("checks", CHECK, {"area_id": str(new_id())}, "body"),
    ("checks", CHECK, {"area_id": "x"}, "body.area_id"),
    ("checks", CHECK, {"area_id": 7}, "body.area_id"),
    ("checks", CHECK, {"plate_number": "ABC"}, "body.plate_number"),
    ("checks", CHECK, {"plate_number": "辽L\u00001234"}, "body.plate_number"),
    ("checks", CHECK, {"plate_number": "x" * 100_000}, "body.plate_number"),
    ("checks", CHECK, {"plate_number": 5}, "body.plate_number"),
    ("checks", CHECK, {"plate_color": 77}, "body.plate_color"),
    ("checks", CHECK, {"plate_color": 2**70}, "body.plate_color"),
    ("checks", CHECK, {"plate_color": "1"}, "body.plate_color"),
    ("checks", CHECK, {"crs": "EPSG:3857"}, "body.crs"),
    ("checks", CHECK, {"at": "2026-01-01T00:00:00"}, "body.at"),
    ("checks", CHECK, {"at": "9999-12-31T23:59:59Z"}, "body.at"),
    ("checks", CHECK, {"at": "0001-01-01T00:00:00+14:00"}, "body.at"),
    ("checks", CHECK, {"at": 1_700_000_000}, "body.at"),
    ("checks", CHECK, {"at": "yesterday"}, "body.at"),
    ("checks", CHECK, {"colour": 1}, "body.colour"),
    ("restriction-rules", RULE, {"code": "a b"}, "body.code"),
    ("restriction-rules", RULE, {"title_zh": ""}, "body.title_zh"),
    ("restriction-rules", RULE, {"title_en": "\ud800"}, "body.title_en"),
    ("restriction-rules", RULE, {"area_ids": []}, "body.area_ids"),
    ("restriction-rules", RULE, {"area_ids": [RULE["area_ids"][0]] * 2}, "body.area_ids"),
    ("restriction-rules", RULE, {"area_ids": [str(new_id())]}, "body.area_ids.0"),
    ("restriction-rules", RULE, {"effect": "forbid"}, "body.effect"),
    ("restriction-rules", RULE, {"priority": 10**12}, "body.priority"),
    ("restriction-rules", RULE, {"weekdays": [0]}, "body.weekdays.0"),
    ("restriction-rules", RULE, {"weekdays": []}, "body.weekdays"),
    ("restriction-rules", RULE, {"windows": [{"start": "24:00", "end": "06:00"}]}, "body.windows.0.start"),
    ("restriction-rules", RULE, {"windows": [{"start": "06:00", "end": "25:00"}]}, "body.windows.0.end"),
    ("restriction-rules", RULE, {"windows": [{"start": "06:00", "end": "06:00"}]}, "body.windows"),
    ("restriction-rules", RULE, {"windows": [{"start": "06:00"}]}, "body.windows.0.end"),
    ("restriction-rules", RULE, {"conditions": {"min_length_m": 9, "max_length_m": 3}}, "body.conditions"),
    ("restriction-rules", RULE, {"conditions": {"powertrains": ["STEAM"]}}, "body.conditions.powertrains"),
    ("restriction-rules", RULE, {"conditions": {"wheels": 4}}, "body.conditions.wheels"),
    ("restriction-rules", RULE, {"valid_to": "2024-01-01T00:00:00Z"}, "body"),
    ("restriction-rules", RULE, {"valid_from": None}, "body.valid_from"),
    ("permit-types", TYPE, {"max_days": 0}, "body.max_days"),
    ("permit-types", TYPE, {"max_days": 1.5}, "body.max_days"),
    ("permit-types", TYPE, {"lifts": "allow"}, "body.lifts"),
    ("permit-applications", APPLICATION, {"vehicle_id": "1"}, "body.vehicle_id"),
    ("permit-applications", APPLICATION, {"purpose": "\u0000"}, "body.purpose"),
    ("permit-applications", APPLICATION, {"purpose": "x" * 1001}, "body.purpose"),
    ("permit-applications", APPLICATION, {"valid_to": "2020-01-01T00:00:00Z"}, "body"),
]


def caller(resource: str) -> make.Headers:
    if resource == "permit-applications":
        return make.firm_headers(new_id())
    return make.official()


async def rows(superuser: Any) -> list[int]:
    """Counts of everything a bad request could have left behind."""
    tables = ("restriction_rules", "permit_types", "permit_applications", "permits", "check_log", "outbox")
    return [await superuser.fetchval(f"SELECT count(*) FROM permits.{table}") for table in tables]  # noqa: S608 - names of our own


@pytest.mark.parametrize(("resource", "good", "change", "field"), TABLE)
async def test_a_wrong_field_is_named(
    api: httpx.AsyncClient, superuser: Any, resource: str, good: make.Json, change: make.Json, field: str
) -> None:
    before = await rows(superuser)
    headers = {**caller(resource), "Content-Type": "application/json"}
    answer = await api.post(f"/v1/{resource}", content=json.dumps({**good, **change}), headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    named = {error["field"] for error in answer.json()["errors"]}
    assert any(name == field or name.startswith(f"{field}.") for name in named), answer.json()["errors"]
    assert await rows(superuser) == before


@pytest.mark.parametrize("resource", ["checks", "restriction-rules", "permit-types", "permit-applications"])
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"null", 422),
        (b"\xff\xfe", 400),
        (b'{"lon": NaN}', 422),
        (b'{"lon": 1e999}', 422),
        (b"[" * 100_000, 422),
        (b'{"lon": 1' + b"0" * 5000 + b"}", 422),
        (b" " * (2 << 20), 413),
    ],
)
async def test_a_malformed_body_is_refused(
    api: httpx.AsyncClient, resource: str, content: bytes, status: int
) -> None:
    headers = {**caller(resource), "Content-Type": "application/json"}
    answer = await api.post(f"/v1/{resource}", content=content, headers=headers)
    assert answer.status_code in {status, 400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/permits/x",
        "/v1/permits?limit=0",
        "/v1/permits?limit=201",
        "/v1/permits?cursor=AAAA",
        "/v1/permits?status=lost",
        "/v1/permits?vehicle_id=1",
        "/v1/restriction-rules?at=now",
        "/v1/restriction-rules?cursor=%00",
        "/v1/permit-types?cursor=W10",
        "/v1/permit-applications/00000000-0000-0000-0000-00000000000g",
    ],
)
async def test_a_malformed_address_is_refused(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path, headers=make.office_client())
    assert answer.status_code == 422, answer.text
