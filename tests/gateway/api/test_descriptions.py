"""The merged description, the page that reads it, and the platform's health."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.routes import OPENAPI, generate
from tests.factories import gateway as make


def described(operations: dict[str, Any], **schemas: Any) -> dict[str, Any]:
    return {"info": {"title": "t"}, "paths": operations, "components": {"schemas": schemas}}


def operation(name: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"get": {"operationId": name, "responses": {"200": {"content": content}}}}


@asynccontextmanager
async def gateway(urls: dict[str, str], directory: Path, **values: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with make.running(make.app(urls, directory, **values)) as client:
        yield client


async def test_equal_components_are_one_and_different_ones_two(
    database_urls: dict[str, str], tmp_path: Path
) -> None:
    problem, status = {"type": "object"}, {"type": "string"}
    registry = described(
        {"/v1/a": operation("list_all", "Page")}, Problem=problem, Page={"x": 1}, Status=status
    )
    nested = {"items": {"$ref": "#/components/schemas/Status"}}
    permits = described(
        {"/v1/b": operation("list_all", "Page")}, Problem=problem, Page=nested, Status={"type": "integer"}
    )
    for name, document in (("registry", registry), ("permits", permits)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    async with gateway(database_urls, tmp_path, openapi_directory=tmp_path) as client:
        merged = (await client.get("/openapi.json")).json()
    schemas = merged["components"]["schemas"]
    assert set(schemas) == {"Problem", "Page", "PermitsPage", "Status", "PermitsStatus"}
    assert schemas["PermitsPage"]["items"]["$ref"] == "#/components/schemas/PermitsStatus"
    permits_get = merged["paths"]["/v1/b"]["get"]
    assert permits_get["operationId"] == "permits_list_all"
    assert permits_get["tags"] == ["permits"]
    reference = permits_get["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert reference == "#/components/schemas/PermitsPage"


async def test_the_committed_descriptions_merge(api: httpx.AsyncClient) -> None:
    merged = (await api.get("/openapi.json")).json()
    operations = [
        one["operationId"]
        for item in merged["paths"].values()
        for method, one in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    assert len(operations) == len(set(operations)) > 0
    assert not [path for path in merged["paths"] if path.startswith(("/internal", "/metrics", "/readyz"))]
    text = json.dumps(merged)
    references = {part.split('"', 1)[0] for part in text.split('"$ref": "')[1:]}
    known = {f"#/components/{group}/{name}" for group, each in merged["components"].items() for name in each}
    assert references <= known


def test_the_committed_files_are_what_the_services_say() -> None:
    for path, text in generate().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make routes`"
    assert {path.stem for path in OPENAPI.glob("*.json")} == {
        *("registry", "telemetry", "permits", "matching", "gateway")
    }


async def test_the_page_needs_no_foreign_host(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "//" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "start.js"):
        assert f"/docs/assets/{asset}" in page.text
        answer = await api.get(f"/docs/assets/{asset}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"].startswith("public")
    assert (await api.get("/docs/assets/main.py")).status_code == 404


@asynccontextmanager
async def service(status: int) -> AsyncIterator[str]:
    """A service that answers every request with one status."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(("matching", "expected"), [(200, 200), (503, 503)])
async def test_health_is_that_of_all_services(
    database_urls: dict[str, str], tmp_path: Path, matching: int, expected: int
) -> None:
    async with service(200) as well, service(matching) as last:
        urls = {"registry_url": well, "telemetry_url": well, "permits_url": well, "matching_url": last}
        async with gateway(database_urls, tmp_path, **urls) as client:
            answer = await client.get("/platform-health")
    assert answer.status_code == expected
    names = ("registry", "telemetry", "permits", "gateway")
    state = "ok" if expected == 200 else "unavailable"
    assert answer.json() == {"status": state, "services": {**dict.fromkeys(names, "ok"), "matching": state}}


async def test_a_service_that_is_away_is_told_and_its_address_is_not(
    database_urls: dict[str, str], tmp_path: Path, unused_port: int
) -> None:
    urls = {
        f"{name}_url": f"http://127.0.0.1:{unused_port}"
        for name in ("registry", "telemetry", "permits", "matching")
    }
    async with gateway(database_urls, tmp_path, **urls) as client:
        answer = await client.get("/platform-health")
    assert answer.status_code == 503
    assert answer.json()["services"]["gateway"] == "ok"
    assert str(unused_port) not in answer.text
