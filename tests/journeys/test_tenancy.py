"""No party sees what is not its own: every route that names an entity, tried by a second enterprise.

The matrix is made from the routes themselves: a new route with an id in its path, or a new list, fails
here until it is either tried or declared shared. The answer to another's id must be the very bytes of the
answer to an id that does not exist. Then the same with every `where` left out: row-level security alone.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.registry.main import create_app as create_registry
from services.shared.auth import Guard, Role
from services.shared.db import Database
from tests.factories import matching, permits, registry, telemetry
from tests.test_architecture import all_routes, calls

Json = dict[str, Any]

SHARED = {
    ("registry", "/v1/areas/{area_id}"): "every party needs the shapes rules are about",
    ("permits", "/v1/restriction-rules/{rule_id}"): "every driver must know the rules",
}
"""Entities that are nobody's own."""

NOBODYS_LISTS = {
    ("registry", "/v1/areas"),
    ("permits", "/v1/restriction-rules"),
    ("permits", "/v1/permit-types"),
}

NOW = "2026-05-01T00:00:00.000Z"
BODIES: dict[str, Json] = {
    "PUT /v1/vehicles/{vehicle_id}": {"powertrain": "BEV", "payload_kg": 1000},
    "POST /v1/vehicles/{vehicle_id}/deregistration": {"reason": "sold"},
    "POST /v1/terminals/{terminal_id}/bindings": {"vehicle_id": str(uuid4())},
    "POST /v1/permit-applications/{application_id}/withdrawal": {"reason": "changed plans"},
    "POST /v1/waybills/{waybill_id}/events": {"kind": "loaded", "at": NOW},
}
"""Bodies that are well-formed, so that the id decides; `{}` elsewhere."""


@dataclass
class Side:
    """One service with what the first enterprise has there, and the second one's token."""

    client: httpx.AsyncClient
    owner: UUID
    stranger: UUID
    headers: dict[str, str]
    own: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path of a resource → its parameters with the first enterprise's ids."""
    queries: dict[str, Json] = field(default_factory=dict)
    """List → a query that names something of the first enterprise's."""


async def registry_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    app = create_registry(registry.api_settings(urls, directory))
    client = await stack.enter_async_context(registry.running(app))
    first, second = await registry.admit_firm(client), await registry.admit_firm(client)
    vehicle = await registry.register(client, first)
    own = {
        "/v1/enterprises": {"enterprise_id": str(first.id)},
        "/v1/vehicles": {"vehicle_id": vehicle["id"]},
    }
    return Side(client, first.id, second.id, second.headers, own)


async def telemetry_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    client = await stack.enter_async_context(telemetry.api(urls, directory, activation_timeout_s=0.05))
    superuser = await asyncpg.connect(urls["superuser"])
    first, second = await telemetry.add_enterprise(superuser), await telemetry.add_enterprise(superuser)
    vehicle = await telemetry.add_vehicle(superuser, first)
    await superuser.close()
    body = {"terminal_number": f"S1-{first.hex[:12]}", "vehicle_id": str(vehicle)}
    await client.post("/v1/terminals", json=body, headers=telemetry.headers(enterprise_id=first))
    listed = (await client.get("/v1/terminals", headers=telemetry.headers(enterprise_id=first))).json()
    (terminal,) = listed["items"]
    own = {"/v1/terminals": {"terminal_id": terminal["id"], "binding_id": terminal["bindings"][0]["id"]}}
    window = {"from": "2026-05-01T00:00:00.000Z", "to": "2026-05-01T06:00:00.000Z"}
    queries = {"/v1/tracks": {"vehicle_id": str(vehicle), **window}}
    return Side(client, first, second, telemetry.headers(enterprise_id=second), own, queries)


async def permits_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    client = await stack.enter_async_context(permits.running(permits.app(urls, directory)))
    worker = Database(urls["permits_worker"])
    stack.push_async_callback(worker.close)
    feed = permits.Registry(worker)
    first, second = await feed.enterprise(), await feed.enterprise()
    area = await feed.area()
    kind = await permits.make_type(client)
    vehicle = await feed.vehicle(first.id)
    application = await permits.apply(client, vehicle, area.id, kind)
    permit = await permits.grant(client, await feed.vehicle(first.id), area.id, kind)
    own = {
        "/v1/permit-applications": {"application_id": application["id"]},
        "/v1/permits": {"permit_id": permit["id"]},
    }
    return Side(client, first.id, second.id, permits.firm_headers(second.id), own)


async def matching_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    positions = matching.Telemetry()
    app = matching.app(urls, directory, positions.client())
    client = await stack.enter_async_context(matching.running(app))
    worker = Database(urls["matching_worker"])
    stack.push_async_callback(worker.close)
    world = matching.World(worker, app, positions)
    await world.start()
    shipper, carrier, stranger = await world.firm(), await world.firm(), await world.firm()
    point = matching.apart()
    vehicle = await world.vehicle(carrier, point)
    load = await matching.post_load(client, shipper, point)
    offered = await matching.offer(client, carrier, load, vehicle)
    accepted = await matching.accept(client, shipper, offered)
    assert accepted.status_code == 201, accepted.text
    own = {
        "/v1/loads": {"load_id": load["id"]},
        "/v1/offers": {"offer_id": offered["id"]},
        "/v1/waybills": {"waybill_id": accepted.json()["id"]},
    }
    queries = {"/v1/candidates": {"load_id": load["id"]}}
    return Side(client, shipper.id, stranger.id, stranger.headers, own, queries)


SIDES = {
    "registry": registry_side,
    "telemetry": telemetry_side,
    "permits": permits_side,
    "matching": matching_side,
}


@pytest.fixture(scope="module")
async def sides(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[str, Side]]:
    """Every service, with entities of a first enterprise and the token of a second."""
    async with AsyncExitStack() as stack:
        yield {
            name: await make(database_urls, tmp_path_factory.mktemp(name), stack)
            for name, make in SIDES.items()
        }


def open_to_enterprises(service: str, method: str, path: str, route: Any) -> bool:
    guards = [call for call in calls(route) if isinstance(call, Guard)]
    return (
        service in SIDES
        and path.startswith("/v1/")
        and any(Role.enterprise in guard.roles for guard in guards)
        and method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    )


ENTITIES = [
    (service, method, path)
    for service, method, path, route in all_routes()
    if "{" in path and open_to_enterprises(service, method, path, route) and (service, path) not in SHARED
]
LISTS = [
    (service, path)
    for service, method, path, route in all_routes()
    if "{" not in path and method == "GET" and open_to_enterprises(service, method, path, route)
]


@pytest.mark.parametrize(("service", "method", "path"), ENTITIES)
async def test_anothers_entity_is_not_there(
    sides: dict[str, Side], service: str, method: str, path: str
) -> None:
    side = sides[service]
    collection = "/".join(path.split("/")[:3])
    assert collection in side.own, f"{path}: make one of the first enterprise's, or say why it is shared"
    body = None if method == "GET" else BODIES.get(f"{method} {path}", {})
    headers = {**side.headers, "X-Request-ID": "s1"}
    answers = []
    for ids in (side.own[collection], {name: str(uuid4()) for name in side.own[collection]}):
        answer = await side.client.request(method, path.format(**ids), headers=headers, json=body)
        text = answer.content.decode()
        for name, value in ids.items():
            text = text.replace(value, name)
        answers.append((answer.status_code, text))
    assert answers[0][0] == 404, answers[0]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("service", "path"), LISTS)
async def test_lists_hold_nothing_of_anothers(sides: dict[str, Side], service: str, path: str) -> None:
    if (service, path) in NOBODYS_LISTS:
        return
    side = sides[service]
    query = side.queries.get(path)
    answer = await side.client.get(path, params=query, headers=side.headers)
    if query is not None:
        missing = {name: str(uuid4()) if _is_id(value) else value for name, value in query.items()}
        headers = {**side.headers, "X-Request-ID": "s1"}
        first = await side.client.get(path, params=query, headers=headers)
        second = await side.client.get(path, params=missing, headers=headers)
        assert (first.status_code, first.content) == (second.status_code, second.content)
    assert answer.status_code in {200, 404}, answer.text
    own = [str(side.owner), *(value for ids in side.own.values() for value in ids.values())]
    assert not [value for value in own if value in answer.text]


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("service", SIDES)
async def test_row_level_security_alone_hides_anothers(
    sides: dict[str, Side], database_urls: dict[str, str], service: str
) -> None:
    side = sides[service]
    connection = await asyncpg.connect(database_urls[f"{service}_api"])
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relrowsecurity"
            " AND relforcerowsecurity AND relkind IN ('r', 'p') AND NOT relispartition",
            service,
        )
        assert tables
        ids = [value for own in side.own.values() for value in own.values()]
        seen = {}
        for who in (side.owner, side.stranger):
            async with connection.transaction():
                await connection.execute(
                    "SELECT set_config('app.role', 'enterprise', true),"
                    " set_config('app.enterprise_id', $1, true)",
                    str(who),
                )
                seen[who] = [
                    await connection.fetchval(
                        f"SELECT count(*) FROM {service}.{table['relname']} AS t"  # noqa: S608 - names of the catalogue
                        " WHERE EXISTS (SELECT FROM unnest($1::text[]) AS id WHERE strpos(t::text, id) > 0)",
                        ids,
                    )
                    for table in tables
                ]
        assert sum(seen[side.owner]) > 0
        names = [table["relname"] for table in tables]
        assert sum(seen[side.stranger]) == 0, dict(zip(names, seen[side.stranger], strict=True))
    finally:
        await connection.close()
