"""Makes what gateway tests stand on: the app, tokens, followed changes and an independent reader of logs."""

import hashlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from gateway.consumers.worker import KINDS
from gateway.domain.datasets import BY_KIND, DATASETS
from gateway.main import create_app
from gateway.operations.logs import start_logs
from gateway.operations.resequencing import apply_change
from gateway.settings import GatewayApiSettings
from services.shared.auth import AccessTokenIssuer, Principal, Role
from services.shared.auth.tokens import generate_key, public_part
from services.shared.db import Database
from services.shared.follow import Change

ACCESS_KEY = generate_key("registry-tokens")
MANIFEST_KEY = generate_key("exchange-1")
ISSUER = AccessTokenIssuer(json.dumps(ACCESS_KEY))
SOURCE_OF = {kind: source for source, kind in BY_KIND}

Json = dict[str, Any]


def api_settings(urls: dict[str, str], directory: Path, **values: Any) -> GatewayApiSettings:
    """Settings of the API on a database."""
    path = directory / "service_keys.json"
    path.write_text(json.dumps({"keys": [public_part(generate_key("gateway"))]}))
    return GatewayApiSettings(
        database_url=urls["gateway_api"],
        service_key=json.dumps(generate_key("gateway")),
        service_keys_file=path,
        manifest_key=json.dumps(MANIFEST_KEY),
        port=1,
        **values,
    )


def app(urls: dict[str, str], directory: Path, **values: Any) -> FastAPI:
    """The gateway's app, taking tokens of `ACCESS_KEY`."""

    async def keys() -> Json:
        return {"keys": [public_part(ACCESS_KEY)]}

    return create_app(api_settings(urls, directory, **values), keys)


@asynccontextmanager
async def running(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An app with its lifespan, behind an in-process client."""
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client


def bearer(role: Role = Role.province) -> dict[str, str]:
    """The header of a client of that role."""
    enterprise = uuid4() if role is Role.enterprise else None
    principal = Principal(f"client-{role}", role, enterprise, f"client-{role}")
    return {"Authorization": f"Bearer {ISSUER.issue(principal)[0]}"}


class Feeds:
    """Says what the services' feeds would say, straight to the exchange."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.versions: dict[UUID, int] = {}
        self.pos = 0

    async def start(self) -> None:
        """Make the logs, as the worker does when it starts."""
        async with self.database.transaction() as session:
            await start_logs(session)

    def change(self, kind: str, state: Json, *, deleted: bool = False, version: int | None = None) -> Change:
        """The next change of an entity, as a follower parses it; unknown fields are lost there."""
        entity = UUID(str(state["id"]))
        self.pos += 1
        self.versions[entity] = version or self.versions.get(entity, 0) + 1
        model = KINDS[SOURCE_OF[kind]][kind].model_validate_json(json.dumps(state, default=str))
        moment = datetime(2026, 5, 1, tzinfo=UTC)
        return Change(kind, entity, self.versions[entity], self.pos, moment, deleted, model)

    async def say(self, kind: str, state: Json, *, deleted: bool = False, version: int | None = None) -> None:
        """Apply one change in a transaction of its own."""
        change = self.change(kind, state, deleted=deleted, version=version)
        async with self.database.transaction() as session:
            await apply_change(SOURCE_OF[kind], session, change)


def enterprise(entity: UUID | None = None, **values: Any) -> Json:
    """The published state of a firm."""
    state = {"id": str(entity or uuid4()), "name": "盘锦顺达配送有限公司", "uscc": "91211100MA0000000X"}
    return {**state, "kind": "carrier", "status": "active", "is_demo": False, **values}


def vehicle(owner: str, entity: UUID | None = None, **values: Any) -> Json:
    """The published state of a vehicle."""
    state = {
        "id": str(entity or uuid4()),
        "enterprise_id": owner,
        "plate_number": "辽LD12345",
        "plate_color": 5,
    }
    times = {"valid_from": "2026-01-01T00:00:00.000Z"}
    return {
        **state,
        **times,
        "powertrain": "battery_electric",
        "payload_kg": 1500,
        "is_demo": False,
        **values,
    }


def visit(owner: str, of: str, entity: UUID | None = None, **values: Any) -> Json:
    """The published state of a visit."""
    state = {"id": str(entity or uuid4()), "vehicle_id": of, "enterprise_id": owner, "area_id": str(uuid4())}
    return {**state, "entered_at": "2026-05-01T01:00:00.000Z", "status": "open", **values}


def area(entity: UUID | None = None, **values: Any) -> Json:
    """The published state of an area."""
    ring = [[122.0, 41.1], [122.1, 41.1], [122.1, 41.2], [122.0, 41.1]]
    shape = {"type": "MultiPolygon", "coordinates": [[ring]]}
    version = {"valid_from": "2026-01-01T00:00:00.000Z", "valid_to": None, "geometry": shape}
    name = random.choice(["兴隆台核心区", "双台子区", "A1"])
    state = {"id": str(entity or uuid4()), "code": "XLT-1", "name": name, "kind": "control_zone"}
    return {**state, "schematic": True, "versions": [version], **values}


def canonical(value: Any) -> bytes:
    """RFC 8785 of the plain values these tests use (ASCII keys, integers, short decimals), independently."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


async def read_all(client: httpx.AsyncClient, dataset: str, headers: Json, limit: int = 7) -> list[Json]:
    """Every change of a log by pages, its chain recomputed from the raw text with `hashlib` alone."""
    items: list[Json] = []
    after, previous, feed_id = 0, bytes(32), None
    while True:
        params: Json = {"after": after, "limit": limit, "digest": previous.hex()}
        if feed_id:
            params["feed_id"] = feed_id
        answer = await client.get(f"/exchange/v1/{dataset}/changes", params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        feed_id = page["feed_id"]
        for item in page["items"]:
            assert item["pos"] == after + 1
            header = {name: item[name] for name in item if name not in {"state", "digest"}}
            previous = hashlib.sha256(previous + canonical(header) + raw_state(answer.content, item)).digest()
            assert item["digest"] == previous.hex()
            after = item["pos"]
            items.append(item)
        if page["next_after"] == page["head"]:
            return items


def raw_state(body: bytes, item: Json) -> bytes:
    """The very bytes of an item's state in an answer: between its `"state":` and the `}` of the item."""
    start = body.index(f'"digest":"{item["digest"]}"'.encode())
    begin = body.index(b'"state":', start) + len(b'"state":')
    _, end = json.JSONDecoder().raw_decode(body[begin:].decode())
    return body[begin:].decode()[:end].encode()


def rebuilt(items: list[Json]) -> dict[str, Json]:
    """The entities a log comes to."""
    entities: dict[str, Json] = {}
    for item in items:
        entities.pop(item["id"], None)
        if not item["deleted"]:
            entities[item["id"]] = item["state"]
    return entities


EVERY_DATASET = tuple(DATASETS)
