"""`/v1/code-lists`: complete, bilingual, cacheable; nothing a request may name is missing."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.shared.standards.vehicle_types import BOX_TYPES

PATH = "/v1/code-lists"

NO_CODE = {"type": "GeoJSON's own word", "grant_type": "OAuth's own word"}
"""Members whose values a standard of the web gives, each with its reason."""


async def every_list(api: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await api.get(PATH)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    return {each["name"]: each for each in answer.json()["items"]}


async def test_lists_are_bilingual_and_say_where_they_come_from(api: httpx.AsyncClient) -> None:
    lists = await every_list(api)
    assert list(lists) == sorted(lists)
    for each in lists.values():
        assert set(each) == {"name", "zh", "en", "source", "fields", "items"}
        assert each["source"]
        assert each["items"], each["name"]
        codes = [item["code"] for item in each["items"]]
        assert len(codes) == len(set(codes)), each["name"]
        for item in (each, *each["items"]):
            assert any("\u4e00" <= char <= "\u9fff" for char in item["zh"]) or item["zh"] == "WGS-84", item
            assert item["en"].isascii(), item
            assert item["en"].strip(), item


async def test_codes_of_the_domain_reference(api: httpx.AsyncClient) -> None:
    lists = await every_list(api)

    def names(name: str) -> dict[str | int, str]:
        return {item["code"]: item["zh"] for item in lists[name]["items"]}

    assert set(names("plate-colors")) == {0, 1, 2, 3, 4, 5, 9, 91, 92, 93, 94}
    assert names("plate-colors")[94] == "渐变绿色"
    assert set(names("energy-codes")) == set("ABCDEFLMNOYZ")
    assert names("vehicle-types")["H43"] == "微型封闭货车"
    assert set(names("vehicle-types")) >= BOX_TYPES
    assert names("business-types")["1003997"] == "城市配送"
    assert names("cargo-types")["1602"] == "冷藏冷冻货物"
    assert len(names("cargo-types")) == 19
    assert len(names("transport-types")) == 8
    assert set(names("powertrains")) == {"ICE", "HEV", "PHEV", "REEV", "BEV", "FCEV"}
    assert names("divisions") == {
        "211100": "盘锦市",
        "211101": "市辖区",
        "211102": "双台子区",
        "211103": "兴隆台区",
        "211104": "大洼区",
        "211122": "盘山县",
    }


async def test_one_list_is_the_same_as_in_the_whole(api: httpx.AsyncClient) -> None:
    for name, each in (await every_list(api)).items():
        assert (await api.get(f"{PATH}/{name}")).json() == each


@pytest.mark.parametrize("name", ["unknown", "Plate-Colors", "%00", "x" * 300])
async def test_an_unknown_list_is_not_found(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"{PATH}/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_pages_hold_every_list_once(api: httpx.AsyncClient) -> None:
    seen, cursor = [], None
    while True:
        query = {"limit": 7, **({"cursor": cursor} if cursor else {})}
        page = (await api.get(PATH, params=query)).json()
        seen += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == list(await every_list(api))
    for wrong in ("limit=0", "limit=201", "cursor=AAAA", "name=x"):
        assert (await api.get(f"{PATH}?{wrong}")).status_code == 422


@pytest.mark.parametrize("path", [PATH, f"{PATH}/plate-colors"])
async def test_a_client_that_has_it_gets_nothing_again(api: httpx.AsyncClient, path: str) -> None:
    first = await api.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=3600"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await api.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    for other in ('"other"', "other", tag.strip('"')):
        assert (await api.get(path, headers={"If-None-Match": other})).content == first.content


Enumerated = tuple[str, str, tuple[Any, ...]]
"""Where, the member's name, its values."""


Json = dict[str, Any]


def values(schemas: Json, schema: Json) -> tuple[Any, ...]:
    """The values a member is limited to."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    parts = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    inner = [value for part in parts for value in values(schemas, part)]
    return (*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ()), *inner)


def bodies(schemas: Json, part: Any, found: dict[str, Json]) -> dict[str, Json]:
    """Every schema a request body is made of, by name."""
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        bodies(schemas, inner, found)
    name = str(part.get("$ref", "")).rpartition("/")[2] if isinstance(part, dict) else ""
    if name and name not in found:
        found[name] = schemas[name]
        bodies(schemas, schemas[name], found)
    return found


def enumerations(app: FastAPI) -> Iterator[Enumerated]:
    """Every enumerated member of a request body and every enumerated parameter."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    operations = [each for item in document["paths"].values() for each in item.values()]
    named: list[tuple[str, str, Json]] = []
    for operation in operations:
        where = operation["operationId"]
        named += [(where, each["name"], each["schema"]) for each in operation.get("parameters", ())]
        for name, body in bodies(schemas, operation.get("requestBody", {}), {}).items():
            named += [(name, member, schema) for member, schema in body.get("properties", {}).items()]
    for where, member, schema in named:
        if found := values(schemas, schema):
            yield where, member, found


async def test_every_code_a_request_may_name_is_in_a_list(api: httpx.AsyncClient, app: FastAPI) -> None:
    """A new enumeration needs its list in `services/registry/domain/codes`."""
    lists = (await every_list(api)).values()
    found = {each for each in enumerations(app) if each[1] not in NO_CODE}
    assert {"kind", "powertrain", "crs", "holder_kind", "status"} <= {member for _, member, _ in found}
    missing = {
        each
        for each in found
        if not any(
            each[1] in codes["fields"] and set(each[2]) <= {item["code"] for item in codes["items"]}
            for codes in lists
        )
    }
    assert missing == set()


async def test_lists_name_only_members_that_exist(api: httpx.AsyncClient, app: FastAPI) -> None:
    elsewhere = {"transport_type_code", "business_type_code", "cargo_type_code", "division_code"}
    text = str(app.openapi())
    for each in (await every_list(api)).values():
        for member in set(each["fields"]) - elsewhere:
            assert f"'{member}'" in text, each["name"]
